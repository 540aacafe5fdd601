package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatdev/leat"
)

// drainTimeout is how long `leat up` waits for requests and invocations in
// flight after the first signal; a second signal ends at once.
const drainTimeout = 30 * time.Second

// upFlags are the flags of `leat up`.
type upFlags struct {
	dataDir, addr, registryAddr string
	memory                      bool
	limits                      string
	keys                        []string
	tls                         bool
	tlsCert, tlsKey             string
	region, sandbox, freeze     string
	shardPeriod                 time.Duration
	deploy                      deployFlags
	logLevel                    string
}

// readyObject is what --json prints once, in place of banner and `Ready.`.
type readyObject struct {
	Ready       bool              `json:"ready"`
	URL         string            `json:"url"`
	RegistryURL string            `json:"registryUrl"`
	DataDir     string            `json:"dataDir,omitempty"`
	Memory      bool              `json:"memory"`
	Outputs     map[string]string `json:"outputs,omitempty"`
	Endpoints   []string          `json:"endpoints,omitempty"`
}

func (a *app) upCommand() *cobra.Command {
	var f upFlags
	c := &cobra.Command{
		Use:   "up [PATH]",
		Short: "Start the platform; with PATH, deploy that template too and keep watching it",
		Long: "Start the platform. With PATH (a template file, or a folder that holds one) deploy it too and keep watching it:\n" +
			"a change of code replaces the running instances, a change of the template updates the stack in place.",
		Args: rangeArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			path := ""
			if len(args) == 1 {
				path = args[0]
			}
			return a.up(c.Context(), f, path)
		},
	}
	fl := c.Flags()
	fl.StringVar(&f.dataDir, "data-dir", ".leat", "where everything is kept")
	fl.BoolVar(&f.memory, "memory", false, "keep everything in memory: nothing survives the process")
	fl.StringVar(&f.addr, "addr", leat.DefaultAddr, "address of all AWS APIs")
	fl.StringVar(&f.registryAddr, "registry-addr", leat.DefaultRegistryAddr, "address of the Confluent Schema Registry API")
	fl.StringVar(&f.limits, "limits", "none", "\"aws\" enforces AWS's published limits on throughput and rates")
	fl.StringArrayVar(&f.keys, "access-key", nil, "an access key ID:SECRET that callers must sign with (repeatable; also LEAT_ACCESS_KEYS, comma-separated)")
	fl.BoolVar(&f.tls, "tls", false, "serve over TLS, with a self-signed certificate unless one is given")
	fl.StringVar(&f.tlsCert, "tls-cert", "", "file of a PEM certificate chain")
	fl.StringVar(&f.tlsKey, "tls-key", "", "file of its PEM private key")
	fl.StringVar(&f.region, "region", "", "region of callers that name none (default $AWS_REGION, else us-east-1)")
	fl.StringVar(&f.sandbox, "sandbox", "auto", "how functions are kept apart: auto, off or strict")
	fl.StringVar(&f.freeze, "freeze", "on", "\"off\" leaves functions running between invocations")
	fl.DurationVar(&f.shardPeriod, "table-shard-period", 4*time.Hour, "how long a shard of a table's stream takes records before a child replaces it")
	fl.StringVar(&f.deploy.stage, "stage", "", "the stage to deploy PATH as (serverless.yml)")
	fl.StringArrayVar(&f.deploy.params, "param", nil, "a template parameter NAME=VALUE for PATH (repeatable)")
	fl.StringVar(&f.logLevel, "log-level", "warn", "what to log to standard error: debug, info, warn or error")
	return c
}

func (a *app) up(ctx context.Context, f upFlags, path string) error {
	opts, err := a.upOptions(f)
	if err != nil {
		return err
	}
	p, err := leat.Open(ctx, opts)
	if err != nil {
		return err
	}
	defer func() {
		// The signal that ended ctx must not cut the draining short.
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
		defer cancel()
		if err := p.Close(drain); err != nil {
			a.printer().Error(err)
		}
	}()
	a.banner(p, opts)
	ready := readyObject{Ready: true, URL: p.URL(), RegistryURL: p.RegistryURL(), DataDir: opts.DataDir, Memory: opts.Memory}
	if path == "" {
		if err := a.ready(ready); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	a.addr = p.URL()
	return a.deployAndWatch(ctx, path, f.deploy, ready)
}

// ready prints the line that scripts wait for.
func (a *app) ready(r readyObject) error {
	return a.printer().Value(r, func(w io.Writer) { fmt.Fprintln(w, "Ready.") })
}

func (a *app) banner(p *leat.Platform, o leat.Options) {
	data := o.DataDir + "  (a success reply means fsynced)"
	if o.Memory {
		data = "in memory: nothing survives this process"
	}
	out := a.printer()
	out.Textf("leat %s\n\n", version().Version)
	out.Textf("  %-10s %s\n", "AWS APIs", p.URL())
	out.Textf("  %-10s %s\n", "Registry", p.RegistryURL())
	out.Textf("  %-10s %s/_leat/\n", "Console", p.URL())
	out.Textf("  %-10s %s\n", "Data", data)
	if len(o.AccessKeys) == 0 {
		out.Textf("  %-10s any credentials are accepted (loopback only)\n", "Access")
	} else {
		out.Textf("  %-10s %d access keys\n", "Access", len(o.AccessKeys))
	}
	env := "leat env"
	if p.URL() != "http://"+defaultAddr { // the address it got: o.Addr may ask for any free port
		env += " --addr " + strings.TrimPrefix(p.URL(), "http://")
	}
	out.Textf("  %-10s eval \"$(%s)\"\n\n", "SDKs", env)
}

func (a *app) upOptions(f upFlags) (leat.Options, error) {
	o := leat.Options{
		DataDir: f.dataDir, Memory: f.memory, Addr: f.addr, RegistryAddr: f.registryAddr,
		Region: f.region, Sandbox: f.sandbox, TableShardPeriod: f.shardPeriod, Version: version().Version,
	}
	if o.Region == "" {
		o.Region = a.region()
	}
	if f.memory {
		o.DataDir = ""
	}
	var err error
	for _, choice := range []struct {
		flag, value string
		allowed     []string
	}{
		{"--limits", f.limits, []string{"none", "aws"}},
		{"--sandbox", f.sandbox, []string{"auto", "off", "strict"}},
		{"--freeze", f.freeze, []string{"on", "off"}},
	} {
		if err = oneOf(choice.flag, choice.value, choice.allowed); err != nil {
			return o, err
		}
	}
	o.Limits, o.NoFreeze = f.limits == "aws", f.freeze == "off"
	if o.AccessKeys, err = a.accessKeys(f.keys); err != nil {
		return o, err
	}
	if o.TLS, err = tlsConfig(f); err != nil {
		return o, err
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return o, usageError{fmt.Errorf("--log-level: %w", err)}
	}
	handler := slog.Handler(slog.NewTextHandler(a.io.Err, &slog.HandlerOptions{Level: level}))
	if a.json {
		handler = slog.NewJSONHandler(a.io.Err, &slog.HandlerOptions{Level: level})
	}
	o.Logger = slog.New(handler)
	return o, nil
}

func oneOf(flag, value string, allowed []string) error {
	for _, v := range allowed {
		if v == value {
			return nil
		}
	}
	return usageError{fmt.Errorf("%s is one of %s, not %q", flag, strings.Join(allowed, ", "), value)}
}

// accessKeys reads ID:SECRET pairs from the flags and LEAT_ACCESS_KEYS.
func (a *app) accessKeys(flags []string) (map[string]string, error) {
	pairs := flags
	if env := a.io.Getenv("LEAT_ACCESS_KEYS"); env != "" {
		pairs = append(pairs, strings.Split(env, ",")...)
	}
	keys := map[string]string{}
	for _, p := range pairs {
		id, secret, ok := strings.Cut(strings.TrimSpace(p), ":")
		if !ok || id == "" || secret == "" {
			return nil, usageError{errors.New("an access key is written ID:SECRET")}
		}
		keys[id] = secret
	}
	return keys, nil
}

func tlsConfig(f upFlags) (*tls.Config, error) {
	if (f.tlsCert == "") != (f.tlsKey == "") {
		return nil, usageError{errors.New("--tls-cert and --tls-key go together")}
	}
	if f.tlsCert != "" {
		cert, err := tls.LoadX509KeyPair(f.tlsCert, f.tlsKey)
		if err != nil {
			return nil, err
		}
		return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
	}
	if !f.tls {
		return nil, nil
	}
	return leat.SelfSigned()
}
