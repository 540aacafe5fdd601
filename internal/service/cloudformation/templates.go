package cloudformation

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/leatdev/leat/internal/deploy/template"
	"github.com/leatdev/leat/internal/kv"
)

// outputsOf is the text of a revision's outputs, for comparing.
func outputsOf(rev *revision) string {
	root, err := template.FromJSON([]byte(rev.Processed))
	if err != nil {
		return ""
	}
	return string(root.Get("Outputs").Canonical())
}

// GetTemplate gives back the template of a stack or change set: as it was given, or with its transforms run.
//
// Limits: none.
// Errors: ValidationError, ChangeSetNotFound.
// Differs: the processed template is always JSON.
func (s *Service) GetTemplate(ctx context.Context, in *cloudformation.GetTemplateInput) (*cloudformation.GetTemplateOutput, error) {
	var rev *revision
	if in.ChangeSetName != nil {
		_, cs, err := s.findChangeSet(ctx, in.ChangeSetName, in.StackName)
		if err != nil {
			return nil, err
		}
		rev = &cs.Revision
	} else {
		st, err := s.find(ctx, deref(in.StackName))
		if err != nil {
			return nil, err
		}
		rev = &st.Current
	}
	body := rev.Body
	if in.TemplateStage == types.TemplateStageProcessed {
		body = rev.Processed
	}
	return &cloudformation.GetTemplateOutput{TemplateBody: &body, StagesAvailable: []types.TemplateStage{types.TemplateStageOriginal, types.TemplateStageProcessed}}, nil
}

// inspected is what can be said of a template without values for its parameters.
type inspected struct {
	t            *template.Template
	transforms   []string
	capabilities []types.Capability
	why          string
}

// inspect reads a template and tells what it needs.
func (s *Service) inspect(ctx context.Context, body string) (*inspected, error) {
	p := here(ctx)
	root, err := template.Load("template", []byte(body))
	if err != nil {
		return nil, templateError(err)
	}
	out := &inspected{transforms: transformNames(root)}
	if _, out.t, err = expand(body, nil, p); err != nil {
		return nil, templateError(err)
	}
	if err := s.o.Engine(p.account, p.region).Check(out.t, nil); err != nil {
		return nil, templateError(err)
	}
	var kinds []string
	named := false
	for _, r := range out.t.Resources {
		if prop, ok := namedIAM[r.Type]; ok {
			kinds = append(kinds, r.Type)
			named = named || prop != "" && r.Properties.Get(prop) != nil
		}
	}
	if len(kinds) > 0 {
		slices.Sort(kinds)
		c := types.CapabilityCapabilityIam
		if named {
			c = types.CapabilityCapabilityNamedIam
		}
		out.capabilities = append(out.capabilities, c)
		out.why = "The following resource(s) require capabilities: [" + strings.Join(slices.Compact(kinds), ", ") + "]"
	}
	if len(out.transforms) > 0 {
		out.capabilities = append(out.capabilities, types.CapabilityCapabilityAutoExpand)
	}
	return out, nil
}

func transformNames(root *template.Node) []string {
	n := root.Get("Transform")
	if n.IsScalar() {
		return []string{n.Text()}
	}
	var out []string
	if n != nil {
		for _, it := range n.Items {
			out = append(out, it.Text())
		}
	}
	return out
}

// ValidateTemplate checks a template and lists its parameters and what it needs.
//
// Limits: as CreateStack.
// Errors: ValidationError with every problem found, each with its place.
// Differs: AWS checks less here: types, properties and attributes are checked too.
func (s *Service) ValidateTemplate(ctx context.Context, in *cloudformation.ValidateTemplateInput) (*cloudformation.ValidateTemplateOutput, error) {
	body, err := s.text(ctx, in.TemplateBody, in.TemplateURL, false, nil)
	if err != nil {
		return nil, err
	}
	x, err := s.inspect(ctx, body)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.ValidateTemplateOutput{Capabilities: x.capabilities, CapabilitiesReason: reason(x.why), DeclaredTransforms: x.transforms, Description: reason(x.t.Description)}
	for _, p := range x.t.Parameters {
		tp := types.TemplateParameter{ParameterKey: &p.Name, Description: reason(p.Description), NoEcho: &p.NoEcho}
		if p.Default != nil {
			v := p.Default.Text()
			tp.DefaultValue = &v
		}
		out.Parameters = append(out.Parameters, tp)
	}
	return out, nil
}

// GetTemplateSummary lists the parameters, resource types and needs of a template or of a stack's.
//
// Limits: as CreateStack.
// Errors: ValidationError.
// Differs: StackSetName is refused: there are no stack sets. ResourceIdentifierSummaries is empty: resources are not imported.
func (s *Service) GetTemplateSummary(ctx context.Context, in *cloudformation.GetTemplateSummaryInput) (*cloudformation.GetTemplateSummaryOutput, error) {
	if in.StackSetName != nil {
		return nil, validation("StackSetName is not supported here.")
	}
	var body string
	var err error
	if in.StackName != nil {
		st, ferr := s.find(ctx, *in.StackName)
		if ferr != nil {
			return nil, ferr
		}
		body = st.Current.Body
	} else if body, err = s.text(ctx, in.TemplateBody, in.TemplateURL, false, nil); err != nil {
		return nil, err
	}
	x, err := s.inspect(ctx, body)
	if err != nil {
		return nil, err
	}
	out := &cloudformation.GetTemplateSummaryOutput{Capabilities: x.capabilities, CapabilitiesReason: reason(x.why), DeclaredTransforms: x.transforms, Description: reason(x.t.Description),
		Version: reason(x.t.Root.Get("AWSTemplateFormatVersion").Text()), Metadata: metadata(x.t)}
	for _, r := range x.t.Resources {
		if !slices.Contains(out.ResourceTypes, r.Type) {
			out.ResourceTypes = append(out.ResourceTypes, r.Type)
		}
	}
	for _, p := range x.t.Parameters {
		d := types.ParameterDeclaration{ParameterKey: &p.Name, ParameterType: &p.Type, Description: reason(p.Description), NoEcho: &p.NoEcho, ParameterConstraints: &types.ParameterConstraints{AllowedValues: p.AllowedValues}}
		if p.Default != nil {
			v := p.Default.Text()
			d.DefaultValue = &v
		}
		out.Parameters = append(out.Parameters, d)
	}
	return out, nil
}

func metadata(t *template.Template) *string {
	m := t.Root.Get("Metadata")
	if m == nil {
		return nil
	}
	text := string(m.JSON())
	return &text
}

// findChangeSet loads a change set by its id, or by its name and its stack's.
func (s *Service) findChangeSet(ctx context.Context, name, stackName *string) (st *stack, cs *changeSet, err error) {
	err = s.o.Store.View(ctx, func(r kv.Reader) (err error) {
		st, cs, err = loadChangeSet(r, here(ctx), deref(name), deref(stackName))
		return err
	})
	return st, cs, err
}
