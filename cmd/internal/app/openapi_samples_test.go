package app

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"stanzahook/httpapi/openapi/conform"
	"stanzahook/pkg/webhook/behaviour"
)

// Each type of event that the document names, but that of a test of an endpoint, has a sample in the
// behaviour table of the format; and all that the table has is as the document says.
func TestSamplesOfEvents(t *testing.T) {
	c, err := conform.New()
	require.NoError(t, err)
	event := c.Spec.Components.Schemas["Event"].Value
	table, err := behaviour.Load(os.DirFS("../../../pkg/webhook/testdata/behaviour"), "event")
	require.NoError(t, err)
	sampled := make(map[string]bool)
	for _, one := range table.Cases {
		if one.Request == nil {
			continue
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(one.Request.Body), &v); err != nil {
			t.Fatalf("%s: %v", one.Title, err)
		}
		if err := event.VisitJSON(v, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("%s: %v", one.Title, err)
		}
		name, _ := v["type"].(string)
		sampled[name] = true
	}
	for _, name := range append(event.Properties["type"].Value.Examples, "message.normal", "message.headline", "message.error") {
		if name, _ := name.(string); name != "test" && !sampled[name] {
			t.Errorf("there is no sample of %s", name)
		}
	}
}
