package dynamodb

import (
	"context"
	"fmt"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/cespare/xxhash/v2"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

func hashText(b []byte) uint64 { return xxhash.Sum64(b) }

func limitExceeded(format string, args ...any) error {
	return aws.Errorf("LimitExceededException", format, args...)
}

func revision(ms int64) string { return fmt.Sprintf("%d", ms) }

// Limits that DescribeLimits tells.
const (
	accountUnits = 80_000
	tableUnits   = 40_000
)

// DescribeLimits tells the account's and a table's largest provisioned throughput.
//
// Errors: none.
// Differs: the figures are AWS's defaults; nothing enforces the account's.
func (s *Service) DescribeLimits(context.Context, *dynamodb.DescribeLimitsInput) (*dynamodb.DescribeLimitsOutput, error) {
	return &dynamodb.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: awssdk.Int64(accountUnits), AccountMaxWriteCapacityUnits: awssdk.Int64(accountUnits),
		TableMaxReadCapacityUnits: awssdk.Int64(tableUnits), TableMaxWriteCapacityUnits: awssdk.Int64(tableUnits),
	}, nil
}

// endpointMinutes is how long an endpoint may be cached.
const endpointMinutes = 1440

// DescribeEndpoints names the endpoint that the caller already uses.
//
// Errors: none.
// Differs: the address is this server's.
func (s *Service) DescribeEndpoints(ctx context.Context, _ *dynamodb.DescribeEndpointsInput) (*dynamodb.DescribeEndpointsOutput, error) {
	req := aws.RequestFrom(ctx)
	host := req.Host
	if host == "" {
		host = "dynamodb." + req.Region + ".amazonaws.com"
	}
	return &dynamodb.DescribeEndpointsOutput{Endpoints: []types.Endpoint{{Address: &host, CachePeriodInMinutes: endpointMinutes}}}, nil
}

// tableOfARN resolves the ARN of a table.
func tableOfARN(arn *string) (*string, error) {
	var p problems
	if arn == nil {
		p.add("null", "resourceArn", mustNotBeNull)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	a, err := aws.ParseARN(*arn)
	if err != nil || a.Service != "dynamodb" || !strings.HasPrefix(a.Resource, "table/") {
		return nil, validation("Invalid TableArn: Invalid ResourceArn provided as input %s", *arn)
	}
	return arn, nil
}

// maxTags is how many tags a table may have.
const maxTags = 50

// addTags merges tags; later values of a key replace earlier ones.
func addTags(tags []Tag, add []types.Tag) ([]Tag, error) {
	for _, a := range add {
		key, value := awssdk.ToString(a.Key), awssdk.ToString(a.Value)
		switch {
		case key == "" || len(key) > 128:
			return nil, validation("Invalid tag: the key must have 1 to 128 characters")
		case len(value) > 256:
			return nil, validation("Invalid tag: the value must have at most 256 characters")
		case strings.HasPrefix(strings.ToLower(key), "aws:"):
			return nil, validation("Invalid tag: keys must not begin with aws:")
		}
		if i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == key }); i >= 0 {
			tags[i].Value = value
			continue
		}
		tags = append(tags, Tag{key, value})
	}
	if len(tags) > maxTags {
		return nil, validation("One or more parameter values were invalid: Too many tags: at most %d are allowed", maxTags)
	}
	return tags, nil
}

// TagResource adds tags to a table.
//
// Limits: 50 tags.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) TagResource(ctx context.Context, in *dynamodb.TagResourceInput) (*dynamodb.TagResourceOutput, error) {
	name, err := tableOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, validation("At least one tag is required")
	}
	return &dynamodb.TagResourceOutput{}, s.changeTable(ctx, name, func(_ kv.Txn, t *Table) (err error) {
		t.Tags, err = addTags(t.Tags, in.Tags)
		return err
	})
}

// UntagResource removes tags from a table.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) UntagResource(ctx context.Context, in *dynamodb.UntagResourceInput) (*dynamodb.UntagResourceOutput, error) {
	name, err := tableOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &dynamodb.UntagResourceOutput{}, s.changeTable(ctx, name, func(_ kv.Txn, t *Table) error {
		t.Tags = slices.DeleteFunc(t.Tags, func(x Tag) bool { return slices.Contains(in.TagKeys, x.Key) })
		return nil
	})
}

// ListTagsOfResource lists a table's tags.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: all tags come in one page.
func (s *Service) ListTagsOfResource(ctx context.Context, in *dynamodb.ListTagsOfResourceInput) (*dynamodb.ListTagsOfResourceOutput, error) {
	name, err := tableOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	out := &dynamodb.ListTagsOfResourceOutput{Tags: []types.Tag{}}
	err = s.viewTable(ctx, name, func(_ kv.Reader, t *Table) error {
		for _, x := range t.Tags {
			out.Tags = append(out.Tags, types.Tag{Key: awssdk.String(x.Key), Value: awssdk.String(x.Value)})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

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
	if in.Policy == nil || *in.Policy == "" || len(*in.Policy) > maxPolicy {
		return nil, validation("Invalid policy document: the policy must have 1 to %d bytes", maxPolicy)
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

// maxRecoveryDays is the longest window of point-in-time recovery.
const maxRecoveryDays = 35

// UpdateContinuousBackups keeps the setting of point-in-time recovery.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: the setting is stored and shown; nothing is restored from it, RestoreTableToPointInTime being absent.
func (s *Service) UpdateContinuousBackups(ctx context.Context, in *dynamodb.UpdateContinuousBackupsInput) (*dynamodb.UpdateContinuousBackupsOutput, error) {
	sp := in.PointInTimeRecoverySpecification
	if sp == nil || sp.PointInTimeRecoveryEnabled == nil {
		return nil, validation("1 validation error detected: Value null at 'pointInTimeRecoverySpecification.pointInTimeRecoveryEnabled' failed to satisfy constraint: %s", mustNotBeNull)
	}
	days := int32(maxRecoveryDays)
	if sp.RecoveryPeriodInDays != nil {
		var p problems
		p.between(sp.RecoveryPeriodInDays, "pointInTimeRecoverySpecification.recoveryPeriodInDays", 1, maxRecoveryDays)
		if err := p.err(); err != nil {
			return nil, err
		}
		days = *sp.RecoveryPeriodInDays
	}
	var d *types.ContinuousBackupsDescription
	err := s.changeTable(ctx, in.TableName, func(_ kv.Txn, t *Table) error {
		since := s.millis()
		if t.PITR != nil && t.PITR.Enabled {
			since = t.PITR.Since
		}
		t.PITR = &PITR{Enabled: *sp.PointInTimeRecoveryEnabled, Days: days, Since: since}
		d = s.describeBackups(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d}, nil
}

func (s *Service) describeBackups(t *Table) *types.ContinuousBackupsDescription {
	pit := &types.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: types.PointInTimeRecoveryStatusDisabled}
	if t.PITR != nil && t.PITR.Enabled {
		earliest := max(t.PITR.Since, s.millis()-int64(t.PITR.Days)*86_400_000)
		pit.PointInTimeRecoveryStatus, pit.RecoveryPeriodInDays = types.PointInTimeRecoveryStatusEnabled, awssdk.Int32(t.PITR.Days)
		pit.EarliestRestorableDateTime, pit.LatestRestorableDateTime = millisTime(earliest), millisTime(s.millis())
	}
	return &types.ContinuousBackupsDescription{ContinuousBackupsStatus: types.ContinuousBackupsStatusEnabled, PointInTimeRecoveryDescription: pit}
}

// DescribeContinuousBackups tells the setting of point-in-time recovery.
//
// Errors: TableNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DescribeContinuousBackups(ctx context.Context, in *dynamodb.DescribeContinuousBackupsInput) (*dynamodb.DescribeContinuousBackupsOutput, error) {
	out := &dynamodb.DescribeContinuousBackupsOutput{}
	err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error {
		out.ContinuousBackupsDescription = s.describeBackups(t)
		return nil
	})
	if aws.IsCode(err, "ResourceNotFoundException") {
		err = aws.Errorf("TableNotFoundException", "Table not found: %s", *in.TableName)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}
