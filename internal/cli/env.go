package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// envVar is one assignment that `leat env` prints.
type envVar struct{ Name, Value string }

// askTimeout bounds the question where the registry listens: `leat env` must
// also answer when nothing runs.
const askTimeout = 10 * time.Second

// environment is what makes AWS SDKs, the AWS CLI and Confluent clients talk to
// the platform. Credentials are only given where the caller has none.
func (a *app) environment(ctx context.Context) []envVar {
	vars := []envVar{
		{"AWS_ENDPOINT_URL", a.baseURL()},
		{"AWS_REGION", a.region()},
		{"AWS_DEFAULT_REGION", a.region()},
	}
	if a.io.Getenv("AWS_ACCESS_KEY_ID") == "" {
		vars = append(vars, envVar{"AWS_ACCESS_KEY_ID", "leat"}, envVar{"AWS_SECRET_ACCESS_KEY", "leat"})
	}
	return append(vars, envVar{"SCHEMA_REGISTRY_URL", a.registryURL(ctx)})
}

// registryURL is the Confluent face's address: LEAT_REGISTRY_ADDR, else what the
// running platform says, else port 8081 of where the platform would be.
func (a *app) registryURL(ctx context.Context) string {
	if addr := a.io.Getenv("LEAT_REGISTRY_ADDR"); addr != "" {
		return "http://" + addr
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var health healthReply
	if err := a.inspect(ctx, "health", &health); err == nil && health.RegistryURL != "" {
		return health.RegistryURL
	}
	_, port, _ := net.SplitHostPort(defaultRegistryAddr)
	u, err := url.Parse(a.baseURL())
	if err != nil || u.Hostname() == "" {
		return "http://" + defaultRegistryAddr
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}

func (a *app) envCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "env",
		Short: "Print the environment that points AWS SDKs and the AWS CLI here",
		Long:  "Print the environment that points AWS SDKs and the AWS CLI here:\n\n  eval \"$(leat env)\"",
		Args:  exactArgs(0),
		RunE: func(c *cobra.Command, _ []string) error {
			vars := a.environment(c.Context())
			object := make(map[string]string, len(vars))
			for _, v := range vars {
				object[v.Name] = v.Value
			}
			return a.printer().Value(object, func(w io.Writer) {
				for _, v := range vars {
					fmt.Fprintf(w, "export %s=%s\n", v.Name, shellQuote(v.Value))
				}
			})
		},
	}
	a.clientFlags(c)
	return c
}
