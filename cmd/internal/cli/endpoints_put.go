package cli

import "github.com/spf13/cobra"

func endpointsPut(a *api) *cobra.Command {
	return a.put(&cobra.Command{
		Use:   "put FILE",
		Short: "Create or replace an endpoint",
		Long: `Create an endpoint, or replace it as a whole: a secret that you leave out is removed. The
file is YAML or JSON, with the keys of an element of endpoints in the configuration; - is
stdin. The instance keeps the endpoint in its store. It comes after those of the
configuration. A replacement keeps the order of events.`,
		Example: `  stanzahook endpoints put shop.yaml
  stanzahook endpoints put - < shop.json`,
	}, "endpoint", "name", endpointPath, as(printEndpoint))
}

func endpointsDelete(a *api) *cobra.Command {
	return a.remove(&cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an endpoint that was put",
		Long: `Delete an endpoint that was put. One of the configuration file is deleted there.
Its events wait for an endpoint of its name, and become dead letters after a day.`,
		Example: "  stanzahook endpoints delete shop",
	}, endpointPath)
}
