package lambda

import (
	"context"
	"encoding/json"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// resourcePolicy says who may use a function or a layer version.
type resourcePolicy struct {
	Revision   string
	Statements []json.RawMessage // each a statement of an IAM policy
}

// statement is one that AddPermission makes.
type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal any                          `json:"Principal"`
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// text is the policy as IAM reads it.
func (p *resourcePolicy) text() string {
	b, err := json.Marshal(struct {
		Version   string            `json:"Version"`
		ID        string            `json:"Id"`
		Statement []json.RawMessage `json:"Statement"`
	}{"2012-10-17", "default", p.Statements})
	if err != nil {
		return ""
	}
	return string(b)
}

func (p *resourcePolicy) find(sid string) int {
	for i, raw := range p.Statements {
		var st struct{ Sid string }
		if json.Unmarshal(raw, &st) == nil && st.Sid == sid {
			return i
		}
	}
	return -1
}

// add appends a statement and gives its text.
func (p *resourcePolicy) add(st statement) (string, error) {
	if p.find(st.Sid) >= 0 {
		return "", resourceConflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
	}
	raw, err := json.Marshal(st)
	if err != nil {
		return "", err
	}
	p.Statements = append(p.Statements, raw)
	if n := len(p.text()); n > MaxPolicyBytes {
		return "", aws.Errorf("PolicyLengthExceededException", "The final policy size (%d) is bigger than the limit (%d).", n, MaxPolicyBytes)
	}
	p.Revision = newUUID()
	return string(raw), nil
}

// remove takes a statement away.
func (p *resourcePolicy) remove(sid string) error {
	i := p.find(sid)
	if i < 0 {
		return resourceNotFound("Statement %s is not found in resource policy.", sid)
	}
	p.Statements = append(p.Statements[:i:i], p.Statements[i+1:]...)
	p.Revision = newUUID()
	return nil
}

// principalOf is a principal as policies write it.
func principalOf(ctx context.Context, p string) (any, error) {
	switch {
	case p == "*":
		return "*", nil
	case accountRE.MatchString(p):
		return map[string]string{"AWS": "arn:" + aws.Partition(aws.RequestFrom(ctx).Region) + ":iam::" + p + ":root"}, nil
	case strings.HasPrefix(p, "arn:"):
		return map[string]string{"AWS": p}, nil
	case strings.HasSuffix(p, ".amazonaws.com") || strings.HasSuffix(p, ".amazonaws.com.cn"):
		return map[string]string{"Service": p}, nil
	}
	return nil, invalidParameter("The provided principal was invalid. Please check the principal and try again.")
}

// AddPermission lets a service, an account or a principal invoke a function, version or alias.
//
// Limits: 20 KB of policy.
// Errors: ResourceNotFoundException, ResourceConflictException, PolicyLengthExceededException, PreconditionFailedException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) addPermission(ctx context.Context, in *lambda.AddPermissionInput) (*lambda.AddPermissionOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if ref.qualifier == latest {
		return nil, invalidParameter("We currently do not support adding policies for $LATEST.")
	}
	principal, err := principalOf(ctx, deref(in.Principal))
	if err != nil {
		return nil, err
	}
	st := statement{Sid: deref(in.StatementId), Effect: "Allow", Principal: principal, Action: deref(in.Action), Resource: ref.arn()}
	st.when("ArnLike", "AWS:SourceArn", deref(in.SourceArn))
	st.when("StringEquals", "AWS:SourceAccount", deref(in.SourceAccount))
	st.when("StringEquals", "aws:PrincipalOrgID", deref(in.PrincipalOrgID))
	st.when("StringEquals", "lambda:EventSourceToken", deref(in.EventSourceToken))
	st.when("StringEquals", "lambda:FunctionUrlAuthType", string(in.FunctionUrlAuthType))
	if in.InvokedViaFunctionUrl != nil && *in.InvokedViaFunctionUrl {
		st.when("Bool", "lambda:InvokedViaFunctionUrl", "true")
	}
	out := &lambda.AddPermissionOutput{}
	err = s.change(ctx, ref, func(t kv.Txn, f *function) error {
		if _, _, err := readVersion(t, ref); err != nil {
			return err
		}
		p := f.Policies[ref.qualifier]
		if in.RevisionId != nil && (p == nil || p.Revision != *in.RevisionId) {
			return preconditionFailed()
		}
		if p == nil {
			p = &resourcePolicy{}
		}
		text, err := p.add(st)
		if err != nil {
			return err
		}
		if f.Policies == nil {
			f.Policies = map[string]*resourcePolicy{}
		}
		f.Policies[ref.qualifier] = p
		out.Statement = &text
		return nil
	})
	return out, err
}

// when adds a condition if value is given.
func (st *statement) when(operator, key, value string) {
	if value == "" {
		return
	}
	if st.Condition == nil {
		st.Condition = map[string]map[string]string{}
	}
	if st.Condition[operator] == nil {
		st.Condition[operator] = map[string]string{}
	}
	st.Condition[operator][key] = value
}

// GetPolicy shows the resource policy of a function, version or alias.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) getPolicy(ctx context.Context, in *lambda.GetPolicyInput) (*lambda.GetPolicyOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	p := f.Policies[ref.qualifier]
	if p == nil || len(p.Statements) == 0 {
		return nil, resourceNotFound("The resource you requested does not exist.")
	}
	return &lambda.GetPolicyOutput{Policy: ptr(p.text()), RevisionId: &p.Revision}, nil
}

// RemovePermission takes a statement out of a resource policy.
//
// Errors: ResourceNotFoundException, PreconditionFailedException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) removePermission(ctx context.Context, in *lambda.RemovePermissionInput) (*lambda.RemovePermissionOutput, error) {
	ref, err := refer(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		p := f.Policies[ref.qualifier]
		if p == nil {
			return resourceNotFound("No policy is associated with the given resource.")
		}
		if in.RevisionId != nil && *in.RevisionId != p.Revision {
			return preconditionFailed()
		}
		if err := p.remove(deref(in.StatementId)); err != nil {
			return err
		}
		if len(p.Statements) == 0 {
			delete(f.Policies, ref.qualifier)
		}
		return nil
	})
}

// Policy is the resource policy of the function, version or alias that an ARN names, "" without one.
func (s *Service) Policy(ctx context.Context, functionARN string) (string, error) {
	ref, err := s.referARN(ctx, functionARN)
	if err != nil {
		return "", err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return "", err
	}
	if p := f.Policies[ref.qualifier]; p != nil {
		return p.text(), nil
	}
	return "", nil
}

// MayInvoke tells whether the resource policy lets an AWS service ("sns.amazonaws.com") invoke
// a function on behalf of a resource of an account.
func (s *Service) MayInvoke(ctx context.Context, functionARN, service, sourceARN, sourceAccount string) (bool, error) {
	ref, err := s.referARN(ctx, functionARN)
	if err != nil {
		return false, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return false, err
	}
	p := f.Policies[ref.qualifier]
	if p == nil {
		return false, nil
	}
	for _, raw := range p.Statements {
		var st struct {
			Principal json.RawMessage
			Action    string
			Condition map[string]map[string]string
		}
		if json.Unmarshal(raw, &st) != nil || !namesService(st.Principal, service) || !actionMatches(st.Action) {
			continue
		}
		if conditionsHold(st.Condition, sourceARN, sourceAccount) {
			return true, nil
		}
	}
	return false, nil
}

func namesService(raw json.RawMessage, service string) bool {
	var all string
	if json.Unmarshal(raw, &all) == nil {
		return all == "*"
	}
	var p struct{ Service string }
	return json.Unmarshal(raw, &p) == nil && p.Service == service
}

func actionMatches(action string) bool {
	return action == "lambda:InvokeFunction" || action == "lambda:*" || action == "lambda:Invoke*"
}

// conditionsHold evaluates the conditions that AddPermission can make for a service.
func conditionsHold(conditions map[string]map[string]string, sourceARN, sourceAccount string) bool {
	for _, cs := range conditions {
		for k, want := range cs {
			switch k {
			case "AWS:SourceArn":
				if !arnLike(want, sourceARN) {
					return false
				}
			case "AWS:SourceAccount":
				if want != sourceAccount {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// arnLike matches an ARN part by part: * and ? do not cross a colon, except in the resource.
func arnLike(pattern, arn string) bool {
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(p) != len(a) {
		return false
	}
	for i := range p {
		// path.Match stops at slashes, which ARNs do not.
		ok, err := path.Match(strings.ReplaceAll(p[i], "/", "\x01"), strings.ReplaceAll(a[i], "/", "\x01"))
		if err != nil || !ok {
			return false
		}
	}
	return true
}
