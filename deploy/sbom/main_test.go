package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/stretchr/testify/require"
)

// The SBOM of this test lists the modules that it is built of.
func TestSBOM(t *testing.T) {
	program, err := os.Executable()
	require.NoError(t, err)
	var one, two bytes.Buffer
	for _, out := range []*bytes.Buffer{&one, &two} {
		require.NoError(t, run(out, program, "1.2.3", "1800000000"))
	}
	if one.String() != two.String() {
		t.Error("two SBOMs of one program differ")
	}
	var bom cyclonedx.BOM
	require.NoError(t, cyclonedx.NewBOMDecoder(&one, cyclonedx.BOMFileFormatJSON).Decode(&bom))
	if c := bom.Metadata.Component; c.Version != "1.2.3" || bom.Metadata.Timestamp != "2027-01-15T08:00:00Z" {
		t.Errorf("%+v %s", c, bom.Metadata.Timestamp)
	}
	found := make(map[string]bool)
	for _, c := range *bom.Components {
		found[c.Name] = true
		if c.Name == "github.com/CycloneDX/cyclonedx-go" && (c.Version == "" || c.Hashes == nil) {
			t.Errorf("%+v", c)
		}
	}
	if !found["std"] || !found["github.com/CycloneDX/cyclonedx-go"] {
		t.Errorf("components: %v", found)
	}
	if err := run(&one, "main.go", "1.2.3", ""); err == nil {
		t.Error("there is an SBOM of what is no program")
	}
}
