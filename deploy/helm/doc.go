// Package helm has the chart for Kubernetes, in the folder stanzahook, and its tests, which
// "make kube-test" runs: helm and the types of Kubernetes come as Go modules, and neither
// is a dependency of stanzahook.
package helm
