package resources

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

//go:embed types.txt
var typesText string

// kind is a resource type: a row of types.txt and the calls that carry it out.
type kind struct {
	schema *deploy.Schema
	// input makes the struct that properties are bound to, for checking.
	input   func() any
	binding binding
	check   func(props *template.Node) error

	create func(ctx context.Context, r *deploy.Request) (deploy.State, error)
	update func(ctx context.Context, r *deploy.Request) (deploy.State, error)
	remove func(ctx context.Context, r *deploy.Request) error
	read   func(ctx context.Context, r *deploy.Request) (deploy.State, error)
}

// Schema implements deploy.Provider.
func (k *kind) Schema() *deploy.Schema { return k.schema }

// Check implements deploy.Provider.
func (k *kind) Check(props *template.Node) error {
	if k.input != nil {
		if err := k.binding.bind(props, k.input()); err != nil {
			return err
		}
	}
	if k.check != nil {
		return k.check(props)
	}
	return nil
}

// Create implements deploy.Provider.
func (k *kind) Create(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	st, err := k.create(ctx, r)
	return st, explain(err)
}

// Update implements deploy.Provider.
func (k *kind) Update(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if k.update == nil { // every property replaces, or none means anything to the service
		return k.Read(ctx, r)
	}
	st, err := k.update(ctx, r)
	return st, explain(err)
}

// Delete implements deploy.Provider.
func (k *kind) Delete(ctx context.Context, r *deploy.Request) error {
	if err := k.remove(ctx, r); err != nil && !gone(err) {
		return explain(err)
	}
	return nil
}

// Read implements deploy.Provider.
func (k *kind) Read(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if k.read == nil {
		return deploy.State{}, deploy.ErrNotFound
	}
	st, err := k.read(ctx, r)
	if gone(err) {
		return st, deploy.ErrNotFound
	}
	return st, explain(err)
}

// gone reports whether an error says that the resource is not there.
func gone(err error) bool {
	if errors.Is(err, deploy.ErrNotFound) {
		return true
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return false
	}
	code := api.ErrorCode()
	for _, s := range []string{"NotFound", "NoSuch", "NonExistent", "DoesNotExist"} {
		if strings.Contains(code, s) {
			return true
		}
	}
	return false
}

// worded is an error in the words of AWS, which events show as they are.
type worded string

func (w worded) Error() string { return string(w) }

// explain words an API error as CloudFormation's resource handlers do.
func explain(err error) error {
	var api smithy.APIError
	var op *smithy.OperationError
	if !errors.As(err, &api) || !errors.As(err, &op) {
		return err
	}
	status, id := 0, ""
	var re *smithyhttp.ResponseError
	if errors.As(err, &re) {
		status = re.HTTPStatusCode()
		id = re.Response.Header.Get("X-Amzn-Requestid")
	}
	return worded(fmt.Sprintf("Resource handler returned message: %q (Service: %s, Operation: %s, Error: %s, Status Code: %d, Request ID: %s)",
		api.ErrorMessage(), op.ServiceID, op.OperationName, api.ErrorCode(), status, id))
}

// schemas reads types.txt: a type a line, and under it `props` (with * required
// and ! replacing), `attrs`, `name PROP [max]`, and `refuse PROP reason`.
func schemas() map[string]*deploy.Schema {
	out := map[string]*deploy.Schema{}
	var s *deploy.Schema
	sc := bufio.NewScanner(strings.NewReader(typesText))
	for sc.Scan() {
		line := sc.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] != ' ' {
			s = &deploy.Schema{Type: line, Props: map[string]deploy.Mode{}, Refused: map[string]string{}}
			out[line] = s
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		readRow(s, word, rest)
	}
	return out
}

func readRow(s *deploy.Schema, word, rest string) {
	switch word {
	case "props":
		for _, p := range strings.Fields(rest) {
			name := strings.TrimRight(p, "!*")
			s.Props[name] = deploy.InPlace
			if strings.Contains(p, "!") {
				s.Props[name] = deploy.Replace
			}
			if strings.Contains(p, "*") {
				s.Required = append(s.Required, name)
			}
		}
	case "attrs":
		s.Attrs = strings.Fields(rest)
	case "name":
		_, _ = fmt.Sscan(rest, &s.NameProp, &s.MaxName) // the limit may be left out
	case "refuse":
		name, why, _ := strings.Cut(rest, " ")
		s.Refused[name] = why
		delete(s.Props, name)
	default:
		panic("types.txt: " + word)
	}
}

// Waiting for a service to finish what it began: the first look comes at once, and
// the pauses between looks grow.
const (
	firstPause = 2 * time.Millisecond
	lastPause  = 500 * time.Millisecond
	maxWait    = 10 * time.Minute
)

// await looks until done says yes.
func await(ctx context.Context, done func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, worded("Resource did not stabilize."))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
		}
		ok, err := done(ctx)
		if ok || err != nil {
			return err
		}
		timer.Reset(pause)
	}
}

// changed reports whether a property differs between old and new.
func changed(r *deploy.Request, names ...string) bool {
	for _, n := range names {
		if !template.Equal(r.Old.Get(n), r.Props.Get(n)) {
			return true
		}
	}
	return false
}

// ptr is aws.String and its like for any type.
func ptr[T any](v T) *T { return &v }

// str reads a string pointer.
func str(p *string) string { return aws.ToString(p) }

// tagDiff splits tags into those to set and the keys to take away.
func tagDiff(r *deploy.Request) (set map[string]string, drop []string) {
	set = tagMap(r.Props.Get("Tags"), r.Tags)
	for k := range tagMap(r.Old.Get("Tags"), nil) {
		if _, ok := set[k]; !ok {
			drop = append(drop, k)
		}
	}
	return set, drop
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
