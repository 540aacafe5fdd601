package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/spf13/cobra"

	"github.com/leatdev/leat/internal/deploy/local"
	"github.com/leatdev/leat/internal/deploy/resources"
)

// deployFlags are what `leat deploy` and `leat destroy` share.
type deployFlags struct {
	stage, stack string
	params, opts []string
	planOnly     bool
}

// change is one line of a plan.
type change struct {
	Action      string   `json:"action"` // Add, Modify, Remove
	LogicalID   string   `json:"logicalId"`
	Type        string   `json:"type"`
	Replacement string   `json:"replacement,omitempty"`
	Causes      []string `json:"causes,omitempty"`
}

// deployed is what a deploy ends with.
type deployed struct {
	Stack     string            `json:"stack"`
	Status    string            `json:"status"`
	Changed   bool              `json:"changed"`
	Seconds   float64           `json:"seconds"`
	Changes   []change          `json:"changes"`
	AtStake   []string          `json:"dataInFlight,omitempty"` // what the changes do to data
	Outputs   map[string]string `json:"outputs"`
	Endpoints []string          `json:"endpoints"`
	Functions []deployedFunc    `json:"functions"`
	Warnings  []string          `json:"warnings,omitempty"`

	streams []string // names, for what is said to do next
}

type deployedFunc struct {
	Name string `json:"name"`
	Size int64  `json:"bytes"`
}

func (a *app) deployCommand() *cobra.Command {
	var f deployFlags
	c := &cobra.Command{
		Use:   "deploy [PATH]",
		Short: "Deploy a template: CloudFormation, SAM or serverless.yml",
		Long:  "Deploy a template (PATH is a file or a folder that holds one; the default is this folder): the plan first, then the work.",
		Args:  rangeArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.newDeploy(c.Context(), pathOf(args), f)
			if err != nil {
				return err
			}
			if f.planOnly {
				return d.showPlan(c.Context())
			}
			res, err := d.run(c.Context())
			if err != nil {
				return err
			}
			return a.printer().Value(res, func(w io.Writer) { res.print(w) })
		},
	}
	a.deployFlagSet(c, &f)
	c.Flags().BoolVar(&f.planOnly, "plan", false, "show what would change, and change nothing")
	return c
}

func (a *app) destroyCommand() *cobra.Command {
	var f deployFlags
	c := &cobra.Command{
		Use:   "destroy [PATH]",
		Short: "Delete what `leat deploy` deployed",
		Args:  rangeArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.newDeploy(c.Context(), pathOf(args), f)
			if err != nil {
				return err
			}
			start := time.Now()
			if err := d.deployer.Destroy(c.Context(), d.project.StackName, d.follow()); err != nil {
				return a.explain(err)
			}
			out := deployed{Stack: d.project.StackName, Status: string(cfntypes.StackStatusDeleteComplete), Changed: true, Seconds: time.Since(start).Seconds(),
				Changes: []change{}, Outputs: map[string]string{}, Endpoints: []string{}, Functions: []deployedFunc{}}
			return a.printer().Value(out, func(w io.Writer) { fmt.Fprintf(w, "Deleted %s in %.1f s.\n", out.Stack, out.Seconds) })
		},
	}
	a.deployFlagSet(c, &f)
	return c
}

func (a *app) deployFlagSet(c *cobra.Command, f *deployFlags) {
	c.Flags().StringVar(&f.stage, "stage", "", "the stage (serverless.yml)")
	c.Flags().StringVar(&f.stack, "stack-name", "", "the stack's name (default: the service's, or the folder's)")
	c.Flags().StringArrayVar(&f.params, "param", nil, "a template parameter NAME=VALUE (repeatable)")
	c.Flags().StringArrayVar(&f.opts, "opt", nil, "a value NAME=VALUE for ${opt:NAME} (repeatable)")
	a.clientFlags(c)
}

func pathOf(args []string) string {
	if len(args) == 1 {
		return args[0]
	}
	return "."
}

// deploy is one project on its way to the platform.
type deploy struct {
	a        *app
	path     string
	options  local.Options
	project  *local.Project
	deployer *local.Deployer
}

func (a *app) newDeploy(ctx context.Context, path string, f deployFlags) (*deploy, error) {
	params, err := pairs("--param", f.params)
	if err != nil {
		return nil, err
	}
	opts, err := pairs("--opt", f.opts)
	if err != nil {
		return nil, err
	}
	cfg := a.awsConfig()
	who, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return nil, a.explain(err)
	}
	d := &deploy{a: a, path: path}
	d.options = local.Options{
		StackName: f.stack, Stage: f.stage, Region: a.region(), Account: aws.ToString(who.Account), Parameters: params, Opt: opts,
		Env: func(name string) (string, bool) { v := a.io.Getenv(name); return v, v != "" },
		// Checked here, where the author's own file and lines are known: the server sees a generated template.
		Providers: resources.New(resources.Options{Endpoint: a.baseURL(), Region: a.region(), Account: aws.ToString(who.Account), Credentials: cfg.Credentials}),
	}
	d.deployer = &local.Deployer{
		Stacks: cloudformation.NewFromConfig(cfg), Objects: s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		Endpoint: a.baseURL(), Region: a.region(),
	}
	d.project, err = local.Open(path, d.options)
	return d, err
}

// pairs reads NAME=VALUE flags.
func pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range list {
		k, v, ok := strings.Cut(p, "=")
		if !ok || k == "" {
			return nil, usageError{fmt.Errorf("%s is written NAME=VALUE, not %q", flag, p)}
		}
		out[k] = v
	}
	return out, nil
}

// showPlan prints what a deploy would do and drops the plan.
func (d *deploy) showPlan(ctx context.Context) error {
	plan, err := d.deployer.Plan(ctx, d.project)
	if errors.Is(err, local.ErrNoChanges) {
		return d.a.printer().Value(deployed{Stack: d.project.StackName, Changes: []change{}, Outputs: map[string]string{}, Endpoints: []string{}, Functions: []deployedFunc{}}, func(w io.Writer) {
			fmt.Fprintf(w, "%s is up to date: nothing would change.\n", d.project.StackName)
		})
	}
	if err != nil {
		return d.a.explain(err)
	}
	out := deployed{Stack: d.project.StackName, Changed: true, Changes: changesOf(plan), Warnings: d.project.Warnings,
		Outputs: map[string]string{}, Endpoints: []string{}, Functions: []deployedFunc{}}
	stake, err := d.atStake(ctx, plan)
	if err := errors.Join(err, d.deployer.Discard(ctx, plan)); err != nil {
		return err
	}
	out.AtStake = stake
	return d.a.printer().Value(out, out.printPlan)
}

func changesOf(p *local.Planned) []change {
	out := []change{}
	for _, c := range p.Changes {
		r := c.ResourceChange
		if r == nil {
			continue
		}
		line := change{Action: string(r.Action), LogicalID: aws.ToString(r.LogicalResourceId), Type: aws.ToString(r.ResourceType), Replacement: string(r.Replacement)}
		for _, detail := range r.Details {
			if detail.Target != nil && detail.Target.Name != nil {
				line.Causes = append(line.Causes, *detail.Target.Name)
			}
		}
		out = append(out, line)
	}
	return out
}

// printPlan shows the changes, and then what they do to data in flight.
func (r *deployed) printPlan(w io.Writer) {
	rows := make([][]string, len(r.Changes))
	for i, c := range r.Changes {
		action := map[string]string{"Add": "create", "Modify": "update", "Remove": "delete"}[c.Action]
		if c.Action == "Modify" && c.Replacement == string(cfntypes.ReplacementTrue) {
			action = "replace"
		}
		rows[i] = []string{action, c.LogicalID, c.Type, strings.Join(c.Causes, ", ")}
	}
	table(w, []string{"PLAN", "RESOURCE", "TYPE", "BECAUSE OF"}, rows)
	for _, said := range r.AtStake {
		fmt.Fprintln(w, "warning: "+said)
	}
}

// run plans and carries out.
func (d *deploy) run(ctx context.Context) (*deployed, error) {
	out := d.a.printer()
	for _, warning := range d.project.Warnings {
		fmt.Fprintf(d.a.io.Err, "warning: %s\n", warning)
	}
	start := time.Now()
	res := &deployed{Stack: d.project.StackName, Changes: []change{}, Warnings: d.project.Warnings}
	plan, err := d.deployer.Plan(ctx, d.project)
	switch {
	case errors.Is(err, local.ErrNoChanges):
		res.Status = "NO_CHANGES"
		return res, d.describe(ctx, res)
	case err != nil:
		return nil, d.a.explain(err)
	}
	res.Changed, res.Changes = true, changesOf(plan)
	if res.AtStake, err = d.atStake(ctx, plan); err != nil {
		return nil, err
	}
	if !out.json {
		res.printPlan(out.out)
		out.Textf("\n")
	}
	st, err := d.deployer.Carry(ctx, plan, d.follow())
	if err != nil {
		return nil, d.a.explain(err)
	}
	res.Status, res.Seconds = string(st.StackStatus), time.Since(start).Seconds()
	return res, d.describe(ctx, res)
}

// follow shows the progress of what is called, unless --json asks for values only.
func (d *deploy) follow() (event func(cfntypes.StackEvent)) {
	p := &progress{w: d.a.io.Out, live: d.a.io.Terminal, now: time.Now}
	if d.a.json {
		p.w, p.live = io.Discard, false
	}
	d.deployer.Wait = p.draw
	return p.event
}

// print shows what there is now, as `sls deploy` does.
func (r *deployed) print(w io.Writer) {
	if !r.Changed {
		fmt.Fprintf(w, "%s is up to date: nothing changed.\n", r.Stack)
	} else {
		fmt.Fprintf(w, "\nDeployed %s in %.1f s: %s\n", r.Stack, r.Seconds, r.Status)
	}
	if len(r.Endpoints) > 0 {
		fmt.Fprintln(w, "\nendpoints:")
		for _, e := range r.Endpoints {
			fmt.Fprintln(w, "  "+e)
		}
	}
	if len(r.Functions) > 0 {
		fmt.Fprintln(w, "\nfunctions:")
		for _, f := range r.Functions {
			fmt.Fprintf(w, "  %s (%s)\n", f.Name, bytesText(uint64(f.Size)))
		}
	}
	if len(r.Outputs) > 0 {
		fmt.Fprintln(w, "\noutputs:")
		for _, k := range sortedNames(r.Outputs) {
			fmt.Fprintf(w, "  %s: %s\n", k, r.Outputs[k])
		}
	}
	r.printNext(w)
}

// printNext says how to see the system at work: its streams and what its functions write.
func (r *deployed) printNext(w io.Writer) {
	if len(r.streams)+len(r.Functions) == 0 {
		return
	}
	fmt.Fprintln(w, "\nnext:")
	for _, s := range r.streams {
		fmt.Fprintf(w, "  leat tail %s\n", s)
	}
	for _, f := range r.Functions {
		fmt.Fprintf(w, "  leat logs %s -f\n", f.Name)
	}
	if len(r.Endpoints) > 0 {
		fmt.Fprintln(w, "  curl the endpoints above")
	}
}

// deployAndWatch is the second half of `leat up PATH`: a first deploy that must
// succeed, then one more after every change of the template.
func (a *app) deployAndWatch(ctx context.Context, path string, f deployFlags, ready readyObject) error {
	d, err := a.newDeploy(ctx, path, f)
	if err != nil {
		return err
	}
	quiet := *a
	if a.json { // one object only: the progress stays unsaid
		quiet.io.Out, quiet.io.Terminal = io.Discard, false
	}
	d.a = &quiet
	res, err := d.run(ctx)
	if err != nil {
		return err
	}
	if !a.json {
		res.print(a.io.Out)
		fmt.Fprintln(a.io.Out)
	}
	ready.Outputs, ready.Endpoints = res.Outputs, res.Endpoints
	if err := a.ready(ready); err != nil {
		return err
	}
	a.watch(ctx, d, f)
	return nil
}

// watchInterval is how often the template's files are looked at.
const watchInterval = 300 * time.Millisecond

// watch deploys again when the template changes. What cannot be deployed is
// said, and what runs goes on. Code is watched by the functions themselves.
func (a *app) watch(ctx context.Context, d *deploy, f deployFlags) {
	seen := stamp(d.project.File)
	timer := time.NewTimer(watchInterval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if now := stamp(d.project.File); now != seen {
			seen = now
			a.redeploy(ctx, d.path, f)
		}
		timer.Reset(watchInterval)
	}
}

func (a *app) redeploy(ctx context.Context, path string, f deployFlags) {
	d, err := a.newDeploy(ctx, path, f)
	if err == nil {
		var res *deployed
		if res, err = d.run(ctx); err == nil && !a.json {
			res.print(a.io.Out)
		}
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(a.io.Err, "leat: the template was not deployed: %s\n", err)
	}
}

// stamp is what changes when a file is written.
func stamp(file string) string {
	info, err := os.Stat(file)
	if err != nil {
		return "gone"
	}
	return fmt.Sprint(info.ModTime().UnixNano(), info.Size())
}
