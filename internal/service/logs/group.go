package logs

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

const (
	maxTags          = 50
	defaultPage      = 50
	millisecondsADay = 24 * 60 * 60 * 1000
)

// retentions are the days that AWS accepts (PutRetentionPolicy).
var retentions = []int32{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// CreateLogGroup makes a log group. Functions make theirs by themselves.
//
// Limits: a name of 512 characters; 50 tags.
// Errors: ResourceAlreadyExistsException, InvalidParameterException.
// Differs: KmsKeyId and LogGroupClass are kept and change nothing.
func (s *Service) CreateLogGroup(ctx context.Context, in *cloudwatchlogs.CreateLogGroupInput) (*cloudwatchlogs.CreateLogGroupOutput, error) {
	if len(in.Tags) > maxTags {
		return nil, invalid("A log group can have at most %d tags.", maxTags)
	}
	p, name := placeOf(ctx), *in.LogGroupName
	g := &group{
		Name: name, Created: s.nowMillis(), Class: string(types.LogGroupClassStandard), KMSKey: deref(in.KmsKeyId),
		Tags: in.Tags, Protected: deref(in.DeletionProtectionEnabled),
	}
	if in.LogGroupClass != "" {
		g.Class = string(in.LogGroupClass)
	}
	return nil, s.update(ctx, func(t kv.Txn) error {
		_, taken, err := t.Get(p.key("g", name))
		if err != nil {
			return err
		}
		if taken {
			return aws.Errorf("ResourceAlreadyExistsException", "The specified log group already exists")
		}
		return record.Save(t, p.key("g", name), g)
	})
}

// DeleteLogGroup removes a group with its streams and events, at once whatever it holds.
//
// Errors: ResourceNotFoundException, ValidationException when it is protected.
// Differs: nothing.
func (s *Service) DeleteLogGroup(ctx context.Context, in *cloudwatchlogs.DeleteLogGroupInput) (*cloudwatchlogs.DeleteLogGroupOutput, error) {
	p, name := placeOf(ctx), *in.LogGroupName
	return nil, s.update(ctx, func(t kv.Txn) error {
		g, err := load[group](t, p.key("g", name), "group")
		if err != nil {
			return err
		}
		if g.Protected {
			return aws.ValidationException("The log group %s has deletion protection enabled.", name)
		}
		for _, kind := range []string{"s", "e"} {
			r := kv.PrefixRange(p.key(kind, name))
			if err := t.DeleteRange(r.Start, r.End); err != nil {
				return err
			}
		}
		return t.Delete(p.key("g", name))
	})
}

// DescribeLogGroups lists groups in order of name.
//
// Limits: 50 a page.
// Errors: InvalidParameterException.
// Differs: linked accounts are refused.
func (s *Service) DescribeLogGroups(ctx context.Context, in *cloudwatchlogs.DescribeLogGroupsInput) (*cloudwatchlogs.DescribeLogGroupsOutput, error) {
	if deref(in.IncludeLinkedAccounts) || len(in.AccountIdentifiers) > 0 {
		return nil, invalid("Linked accounts are not supported.")
	}
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	only := make([]string, len(in.LogGroupIdentifiers))
	for i, id := range in.LogGroupIdentifiers {
		only[i] = nameOf(id)
	}
	keep := func(g *group) bool {
		return strings.HasPrefix(g.Name, deref(in.LogGroupNamePrefix)) &&
			strings.Contains(strings.ToLower(g.Name), strings.ToLower(deref(in.LogGroupNamePattern))) &&
			(len(only) == 0 || slices.Contains(only, g.Name)) &&
			(in.LogGroupClass == "" || string(in.LogGroupClass) == g.Class)
	}
	p, limit := placeOf(ctx), pageLimit(in.Limit)
	out := &cloudwatchlogs.DescribeLogGroupsOutput{LogGroups: []types.LogGroup{}}
	err := s.store.View(ctx, func(r kv.Reader) error {
		rng := kv.PrefixRange(p.key("g"))
		if in.NextToken != nil {
			rng.Start = kv.After(p.key("g", *in.NextToken))
		}
		return r.Scan(rng, func(_, v []byte) error {
			g, err := record.Decode[group](v)
			if err != nil || !keep(g) {
				return err
			}
			if len(out.LogGroups) == limit {
				out.NextToken = out.LogGroups[limit-1].LogGroupName
				return kv.ErrStop
			}
			out.LogGroups = append(out.LogGroups, p.describe(g))
			return nil
		})
	})
	return out, err
}

func pageLimit(limit *int32) int {
	if limit == nil {
		return defaultPage
	}
	return int(*limit)
}

func (p place) describe(g *group) types.LogGroup {
	arn := p.groupARN(g.Name)
	out := types.LogGroup{
		LogGroupName: ptr(g.Name), Arn: ptr(arn + ":*"), LogGroupArn: ptr(arn), CreationTime: ptr(g.Created),
		LogGroupClass: types.LogGroupClass(g.Class), MetricFilterCount: ptr(int32(0)), StoredBytes: ptr(g.Bytes),
		DeletionProtectionEnabled: ptr(g.Protected),
	}
	if g.Retention != 0 {
		out.RetentionInDays = ptr(g.Retention)
	}
	if g.KMSKey != "" {
		out.KmsKeyId = ptr(g.KMSKey)
	}
	return out
}

// change loads a group, lets fn change it, and saves it.
func (s *Service) change(ctx context.Context, name string, fn func(*group) error) error {
	p := placeOf(ctx)
	return s.update(ctx, func(t kv.Txn) error {
		g, err := load[group](t, p.key("g", name), "group")
		if err != nil {
			return err
		}
		if err := fn(g); err != nil {
			return err
		}
		return record.Save(t, p.key("g", name), g)
	})
}

// PutRetentionPolicy sets for how many days a group keeps its events.
//
// Errors: ResourceNotFoundException, InvalidParameterException.
// Differs: expired events go within an hour, on AWS within 72.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *cloudwatchlogs.PutRetentionPolicyInput) (*cloudwatchlogs.PutRetentionPolicyOutput, error) {
	if !slices.Contains(retentions, *in.RetentionInDays) {
		return nil, invalid("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: Member must satisfy enum value set: %v", *in.RetentionInDays, retentions)
	}
	return nil, s.change(ctx, *in.LogGroupName, func(g *group) error {
		g.Retention = *in.RetentionInDays
		return nil
	})
}

// DeleteRetentionPolicy makes a group keep its events for ever.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *cloudwatchlogs.DeleteRetentionPolicyInput) (*cloudwatchlogs.DeleteRetentionPolicyOutput, error) {
	return nil, s.change(ctx, *in.LogGroupName, func(g *group) error {
		g.Retention = 0
		return nil
	})
}

// EnforceRetention removes the events of all groups that are older than their retention.
func (s *Service) EnforceRetention(ctx context.Context) error {
	return s.update(ctx, func(t kv.Txn) error {
		now := s.nowMillis()
		type cut struct{ from, to []byte }
		var cuts []cut
		prefix := kv.Key(kv.SpaceLogs)
		err := t.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
			d := kv.DecodeKey(key, len(prefix))
			p := place{d.String(), d.String()}
			if d.String() != "g" {
				return nil
			}
			g, err := record.Decode[group](value)
			if err != nil || g.Retention == 0 {
				return err
			}
			events := p.key("e", g.Name)
			cuts = append(cuts, cut{events, kv.Append(events, now-int64(g.Retention)*millisecondsADay)})
			return nil
		})
		if err != nil {
			return err
		}
		for _, c := range cuts {
			if err := t.DeleteRange(c.from, c.to); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) tag(ctx context.Context, name string, tags map[string]string) error {
	return s.change(ctx, name, func(g *group) error {
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		maps.Copy(g.Tags, tags)
		if len(g.Tags) > maxTags {
			return aws.Errorf("TooManyTagsException", "A resource can have no more than %d tags.", maxTags)
		}
		return nil
	})
}

func (s *Service) untag(ctx context.Context, name string, keys []string) error {
	return s.change(ctx, name, func(g *group) error {
		for _, k := range keys {
			delete(g.Tags, k)
		}
		return nil
	})
}

func (s *Service) tags(ctx context.Context, name string) (tags map[string]string, err error) {
	p := placeOf(ctx)
	err = s.store.View(ctx, func(r kv.Reader) error {
		g, err := load[group](r, p.key("g", name), "group")
		if err == nil {
			tags = g.Tags
		}
		return err
	})
	if tags == nil {
		tags = map[string]string{}
	}
	return tags, err
}

// TagResource adds or replaces tags of a group.
//
// Limits: 50 tags.
// Errors: ResourceNotFoundException, TooManyTagsException.
// Differs: nothing.
func (s *Service) TagResource(ctx context.Context, in *cloudwatchlogs.TagResourceInput) (*cloudwatchlogs.TagResourceOutput, error) {
	return nil, s.tag(ctx, nameOf(*in.ResourceArn), in.Tags)
}

// UntagResource removes tags of a group.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) UntagResource(ctx context.Context, in *cloudwatchlogs.UntagResourceInput) (*cloudwatchlogs.UntagResourceOutput, error) {
	return nil, s.untag(ctx, nameOf(*in.ResourceArn), in.TagKeys)
}

// ListTagsForResource lists the tags of a group.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) ListTagsForResource(ctx context.Context, in *cloudwatchlogs.ListTagsForResourceInput) (*cloudwatchlogs.ListTagsForResourceOutput, error) {
	tags, err := s.tags(ctx, nameOf(*in.ResourceArn))
	return &cloudwatchlogs.ListTagsForResourceOutput{Tags: tags}, err
}

// TagLogGroup is the older TagResource.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) TagLogGroup(ctx context.Context, in *cloudwatchlogs.TagLogGroupInput) (*cloudwatchlogs.TagLogGroupOutput, error) { //nolint:staticcheck // deprecated, but old tools call it
	return nil, s.tag(ctx, *in.LogGroupName, in.Tags)
}

// UntagLogGroup is the older UntagResource.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) UntagLogGroup(ctx context.Context, in *cloudwatchlogs.UntagLogGroupInput) (*cloudwatchlogs.UntagLogGroupOutput, error) { //nolint:staticcheck // deprecated, but old tools call it
	return nil, s.untag(ctx, *in.LogGroupName, in.Tags)
}

// ListTagsLogGroup is the older ListTagsForResource.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *cloudwatchlogs.ListTagsLogGroupInput) (*cloudwatchlogs.ListTagsLogGroupOutput, error) { //nolint:staticcheck // deprecated, but old tools call it
	tags, err := s.tags(ctx, *in.LogGroupName)
	return &cloudwatchlogs.ListTagsLogGroupOutput{Tags: tags}, err //nolint:staticcheck // deprecated, but old tools call it
}
