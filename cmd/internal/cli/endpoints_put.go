package cli

import "github.com/spf13/cobra"

func endpointsPut(a *api) *cobra.Command {
	return a.put(&cobra.Command{
		Use:   "put FILE",
		Short: "Make an endpoint, or replace one, of a file",
		Long: `Make an endpoint of a file, in YAML or JSON, with the keys of an element of endpoints
in the configuration; - is stdin. The instance keeps it in its store. Such an endpoint
comes after those of the configuration, and a put replaces it whole: a secret that is
left out is removed. The order of its events stays.`,
		Example: `  stanzahook endpoints put shop.yaml
  stanzahook endpoints put - < shop.json`,
	}, "endpoint", "name", endpointPath, as(printEndpoint))
}

func endpointsDelete(a *api) *cobra.Command {
	return a.remove(&cobra.Command{
		Use:   "delete NAME",
		Short: "Delete an endpoint that was put",
		Long: `Delete an endpoint that was put; one of the configuration file cannot be deleted so.
Its events wait for an endpoint of its name, and become dead letters after a day.`,
		Example: "  stanzahook endpoints delete shop",
	}, endpointPath)
}
