// Program check reads Kubernetes manifests from its standard input, as "helm template"
// prints them, and decodes each strictly into its type of Kubernetes' API: unknown and
// doubled fields, and values of a wrong type, are mistakes. It prints the kinds. It is a
// module of its own, so that the types are not among the dependencies of stanzahook.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	all := yaml.NewYAMLReader(bufio.NewReader(in))
	for n := 1; ; n++ {
		one, err := all.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, kind, err := strict.Decode(one, nil, nil)
		if err != nil {
			return fmt.Errorf("manifest %d: %w\n%s", n, err, one)
		}
		fmt.Fprintln(out, kind.Kind)
	}
}
