package dynamodb

import (
	"context"
	"strconv"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// maxPolicy is the largest resource policy.
const maxPolicy = 20 << 10

func policyNotFound(arn string) error {
	return aws.Errorf("PolicyNotFoundException", "Resource-based policy not found for the provided ResourceArn: %s", arn)
}

// PutResourcePolicy attaches a policy to a table.
//
// Limits: 20 KB.
// Errors: PolicyNotFoundException, ResourceNotFoundException, ValidationException.
// Differs: ConfirmRemoveSelfResourceAccess has no effect: a policy never locks its author out. Policies of streams are refused.
func (s *Service) PutResourcePolicy(ctx context.Context, in *dynamodb.PutResourcePolicyInput) (*dynamodb.PutResourcePolicyOutput, error) {
	name, err := policyTable(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := checkPolicy(awssdk.ToString(in.Policy)); err != nil {
		return nil, err
	}
	out := &dynamodb.PutResourcePolicyOutput{}
	err = s.changeTable(ctx, name, func(_ kv.Txn, t *Table) error {
		if err := checkRevision(t, in.ExpectedRevisionId); err != nil {
			return err
		}
		t.Policy = &Policy{Text: *in.Policy, Revision: revision(s.now().UnixNano())}
		out.RevisionId = &t.Policy.Revision
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// checkPolicy refuses what cannot be a policy: what it allows is for those to judge who enforce it.
func checkPolicy(text string) error {
	if len(text) > maxPolicy {
		return invalidParam("Maximum policy size of %d bytes exceeded", maxPolicy)
	}
	var doc map[string]jsontext.Value
	err := json.Unmarshal([]byte(text), &doc)
	reason := ""
	switch st := doc["Statement"]; {
	case err != nil:
		reason = "This policy contains invalid Json"
	case doc == nil:
		reason = "This text appears not to be a policy"
	case len(doc) == 0:
		reason = "Syntax error at position (1,3)"
	case st.Kind() != '[' && st.Kind() != '{':
		reason = "Missing required field Statement"
	case st.Kind() == '[' && strings.Trim(st.String(), "[] \t\r\n") == "":
		reason = "Could not parse the policy: Statement is empty!"
	default:
		return nil
	}
	return invalidParam("Invalid policy document: %s", reason)
}

func policyTable(arn *string) (*string, error) {
	name, err := tableOfARN(arn)
	if err == nil && strings.Contains(*name, "/stream/") {
		err = validation("Resource policies of streams are not supported")
	}
	return name, err
}

func checkRevision(t *Table, want *string) error {
	switch {
	case want == nil, *want == "NO_POLICY" && t.Policy == nil:
		return nil
	case t.Policy == nil || t.Policy.Revision != *want:
		return policyNotFound(t.arn())
	}
	return nil
}

// GetResourcePolicy gives a table's policy.
//
// Errors: PolicyNotFoundException, ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) GetResourcePolicy(ctx context.Context, in *dynamodb.GetResourcePolicyInput) (*dynamodb.GetResourcePolicyOutput, error) {
	name, err := policyTable(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.GetResourcePolicyOutput{}
	err = s.viewTable(ctx, name, func(_ kv.Reader, t *Table) error {
		if t.Policy == nil {
			return policyNotFound(t.arn())
		}
		out.Policy, out.RevisionId = &t.Policy.Text, &t.Policy.Revision
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DeleteResourcePolicy removes a table's policy; removing an absent one succeeds.
//
// Errors: PolicyNotFoundException, ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *dynamodb.DeleteResourcePolicyInput) (*dynamodb.DeleteResourcePolicyOutput, error) {
	name, err := policyTable(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.DeleteResourcePolicyOutput{}
	err = s.changeTable(ctx, name, func(_ kv.Txn, t *Table) error {
		if err := checkRevision(t, in.ExpectedRevisionId); err != nil {
			return err
		}
		out.RevisionId = nil
		if t.Policy != nil {
			out.RevisionId = &t.Policy.Revision
		}
		t.Policy = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// revision names a state of a policy by when it was made.
func revision(at int64) string { return strconv.FormatInt(at, 10) }
