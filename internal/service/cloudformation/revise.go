package cloudformation

import (
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/sam"
	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
)

// request is what the calls that bring a template have in common.
type request struct {
	body, url           *string
	previous            bool
	parameters          []types.Parameter
	tags                []types.Tag
	capabilities        []types.Capability
	topics              []string
	role                *string
	old                 *revision // the revision that previous values come from
	anyCapabilityExpand bool      // change sets may run transforms without being told so
}

func here(ctx context.Context) place {
	r := aws.RequestFrom(ctx)
	return place{r.Account(), r.Region}
}

// text fetches the template: from the request, from a bucket, or the one in use.
func (s *Service) text(ctx context.Context, body, link *string, previous bool, old *revision) (string, error) {
	switch {
	case body != nil && link != nil:
		return "", validation("Either Template URL or Template Body must be specified, not both.")
	case body != nil:
		if len(*body) > maxTemplateBody {
			return "", validation("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", maxTemplateBody)
		}
		return *body, nil
	case link != nil:
		return s.fetch(ctx, *link)
	case previous && old != nil:
		return old.Body, nil
	}
	return "", validation("Either Template URL or Template Body must be specified.")
}

// fetch reads a template from a bucket, by any of S3's forms of URL.
func (s *Service) fetch(ctx context.Context, link string) (string, error) {
	bucket, key := bucketAndKey(link)
	if bucket == "" || key == "" || s.o.Objects == nil {
		return "", validation("TemplateURL must be a supported URL.")
	}
	body, err := s.o.Objects.ReadObject(ctx, bucket, key, "")
	if e, ok := aws.AsError(err); ok && e.HTTPStatus() < 500 {
		return "", validation("S3 error: %s", e.Message)
	}
	if err != nil {
		return "", err
	}
	// One byte more than allowed, so that the loader sees what is too long.
	raw, err := io.ReadAll(io.LimitReader(body, template.MaxBytes+1))
	return string(raw), errors.Join(err, body.Close())
}

// bucketAndKey understands https://bucket.s3.region.amazonaws.com/key,
// https://s3.region.amazonaws.com/bucket/key, s3://bucket/key, and the forms of
// this platform: http://bucket.s3.localhost:4566/key, http://localhost:4566/bucket/key.
func bucketAndKey(link string) (bucket, key string) {
	u, err := url.Parse(link)
	if err != nil {
		return "", ""
	}
	path := strings.TrimPrefix(u.Path, "/")
	host := u.Hostname()
	if u.Scheme == "s3" {
		return host, path
	}
	if before, _, ok := strings.Cut(host, ".s3"); ok && !strings.HasPrefix(host, "s3") {
		return before, path
	}
	bucket, key, _ = strings.Cut(path, "/")
	return bucket, key
}

// revise turns a request into a checked revision and its template.
func (s *Service) revise(ctx context.Context, name string, r request) (*revision, *template.Template, error) {
	body, err := s.text(ctx, r.body, r.url, r.previous, r.old)
	if err != nil {
		return nil, nil, err
	}
	given, err := givenParameters(r)
	if err != nil {
		return nil, nil, err
	}
	p := here(ctx)
	processed, t, err := expand(body, given, p)
	if err != nil {
		return nil, nil, templateError(err)
	}
	values, err := t.ResolveParameters(given)
	if err != nil {
		return nil, nil, templateError(err)
	}
	scope := &template.Scope{Template: t, Parameters: values, Account: p.account, Region: p.region, StackName: name}
	if err := s.o.Engine(p.account, p.region).Check(t, scope); err != nil {
		return nil, nil, templateError(err)
	}
	if err := scope.CheckRules(); err != nil {
		return nil, nil, templateError(err)
	}
	rev := &revision{Body: body, Processed: processed, Description: t.Description, Given: given, Values: map[string]string{}, Resolved: map[string]string{}, Topics: r.topics, RoleARN: deref(r.role)}
	for _, param := range t.Parameters {
		rev.Values[param.Name] = textOf(values[param.Name])
		if param.Stored() { // the name is what is kept; the value is read at each deploy
			rev.Resolved[param.Name], rev.Values[param.Name] = rev.Values[param.Name], storedName(param, given)
		}
		if param.NoEcho {
			rev.NoEcho = append(rev.NoEcho, param.Name)
		}
	}
	for _, c := range r.capabilities {
		rev.Capabilities = append(rev.Capabilities, string(c))
	}
	if rev.Tags, err = stackTags(r.tags); err != nil {
		return nil, nil, err
	}
	return rev, t, capabilities(t, rev.Capabilities, r.anyCapabilityExpand)
}

// storedName is the name of the entry of the parameter store that a parameter reads.
func storedName(p *template.Parameter, given map[string]string) string {
	if name, ok := given[p.Name]; ok {
		return name
	}
	return p.Default.Text()
}

func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func textOf(n *template.Node) string {
	if n.Kind != template.List {
		return n.Text()
	}
	parts := make([]string, len(n.Items))
	for i, it := range n.Items {
		parts[i] = it.Text()
	}
	return strings.Join(parts, ",")
}

// expand loads a template and runs its transforms.
func expand(body string, given map[string]string, p place) (string, *template.Template, error) {
	root, err := template.Load("template", []byte(body))
	if err != nil {
		return "", nil, err
	}
	if root, err = sam.Transform(root, sam.Options{Parameters: given, Region: p.region, Account: p.account}); err != nil {
		return "", nil, err
	}
	t, err := template.New(root)
	if err != nil {
		return "", nil, err
	}
	return string(root.JSON()), t, nil
}

// givenParameters reads the caller's parameters; one may ask for its previous value.
func givenParameters(r request) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range r.parameters {
		name := deref(p.ParameterKey)
		switch {
		case p.UsePreviousValue != nil && *p.UsePreviousValue:
			v, ok := "", false
			if r.old != nil {
				v, ok = r.old.Values[name]
			}
			if !ok {
				return nil, validation("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", name)
			}
			out[name] = v
		case p.ParameterValue == nil:
			return nil, validation("Parameters: [%s] must have values", name)
		default:
			out[name] = *p.ParameterValue
		}
	}
	return out, nil
}

func stackTags(tags []types.Tag) (map[string]string, error) {
	if len(tags) > maxStackTags {
		return nil, validation("1 validation error detected: Value at 'tags' failed to satisfy constraint: Member must have length less than or equal to %d", maxStackTags)
	}
	out := map[string]string{}
	for _, t := range tags {
		k := deref(t.Key)
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, validation("aws: prefixed tag key names are not allowed for external use.")
		}
		if _, twice := out[k]; twice {
			return nil, validation("Duplicate tag keys found: %s", k)
		}
		out[k] = deref(t.Value)
	}
	return out, nil
}

// namedIAM are the properties that name an identity.
var namedIAM = map[string]string{"AWS::IAM::Role": "RoleName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName", "AWS::IAM::Policy": ""}

// capabilities refuses a template that makes identities, or needs transforms, which
// the caller has not agreed to.
func capabilities(t *template.Template, have []string, expandAnyway bool) error {
	need := ""
	for _, r := range t.Resources {
		prop, ok := namedIAM[r.Type]
		if !ok {
			continue
		}
		if prop != "" && r.Properties.Get(prop) != nil {
			need = "CAPABILITY_NAMED_IAM"
		} else if need == "" {
			need = "CAPABILITY_IAM"
		}
	}
	var missing []string
	if need != "" && !slices.Contains(have, "CAPABILITY_NAMED_IAM") && (need == "CAPABILITY_NAMED_IAM" || !slices.Contains(have, need)) {
		missing = append(missing, need)
	}
	if !expandAnyway && len(t.Transforms) > 0 && !slices.Contains(have, "CAPABILITY_AUTO_EXPAND") {
		missing = append(missing, "CAPABILITY_AUTO_EXPAND")
	}
	if len(missing) > 0 {
		return aws.Errorf("InsufficientCapabilitiesException", "Requires capabilities : [%s]", strings.Join(missing, ", "))
	}
	return nil
}

// deployment builds what the engine works on, from a stored revision.
func (s *Service) deployment(ctx context.Context, st *stack, rev *revision) (*deploy.Deployment, error) {
	recs, err := s.records(ctx, st)
	if err != nil {
		return nil, err
	}
	d := &deploy.Deployment{StackID: st.ID, StackName: st.Name, Records: recs, Journal: journal{s, st.place(), st.ID}}
	if rev == nil {
		return d, nil
	}
	root, err := template.FromJSON([]byte(rev.Processed))
	if err != nil {
		return nil, err
	}
	if d.Template, err = template.New(root); err != nil {
		return nil, err
	}
	values, err := d.Template.ResolveParameters(rev.Values)
	if err != nil {
		return nil, err
	}
	d.Tags = rev.Tags
	d.Scope = &template.Scope{Template: d.Template, Parameters: values, Account: st.Account, Region: st.Region, StackID: st.ID, StackName: st.Name,
		NotificationARNs: rev.Topics, Import: s.importer(ctx, st.place())}
	return d, nil
}

// importer reads exports for Fn::ImportValue.
func (s *Service) importer(ctx context.Context, p place) func(string) (string, error) {
	return func(name string) (string, error) {
		var x *export
		err := s.o.Store.View(ctx, func(r kv.Reader) (err error) {
			x, err = get[export](r, p.key("export", name))
			return err
		})
		if err == nil && x == nil {
			err = worded("No export named " + name + " found.")
		}
		if err != nil {
			return "", err
		}
		return x.Value, nil
	}
}
