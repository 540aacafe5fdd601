package kinesis

import (
	"context"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

func tooManyTags(at ref) *aws.Error {
	return invalidArgument("Failed to add tags to stream %s under account %s because a given stream cannot have more than %d tags associated with it.",
		at.name, at.account, maxTags)
}

// addTags merges tags into a set of at most maxTags.
func addTags(have, more map[string]string, at ref) (map[string]string, error) {
	out := make(map[string]string, len(have)+len(more))
	for k, v := range have {
		out[k] = v
	}
	for _, k := range slices.Sorted(maps.Keys(more)) { // of two reserved keys the first is named
		v := more[k]
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, invalidArgument("Tag keys that begin with aws: are reserved: %s", k)
		}
		out[k] = v
	}
	if len(out) > maxTags {
		return nil, tooManyTags(at)
	}
	return out, nil
}

// sortedTags lists tags by key.
func sortedTags(m map[string]string) []types.Tag {
	out := make([]types.Tag, 0, len(m))
	for k, v := range m {
		out = append(out, types.Tag{Key: ptr(k), Value: ptr(v)})
	}
	sort.Slice(out, func(i, j int) bool { return *out[i].Key < *out[j].Key })
	return out
}

// AddTagsToStream adds tags to a stream or gives tags it has another value.
//
// Limits: 50 tags a stream; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) AddTagsToStream(ctx context.Context, in *kinesis.AddTagsToStreamInput) (*kinesis.AddTagsToStreamOutput, error) {
	return nil, s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "AddTagsToStream", func(_ kv.Txn, st *stream) (err error) {
		st.Tags, err = addTags(st.Tags, in.Tags, st.ref())
		return err
	})
}

// RemoveTagsFromStream removes tags from a stream; keys it does not have are ignored.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) RemoveTagsFromStream(ctx context.Context, in *kinesis.RemoveTagsFromStreamInput) (*kinesis.RemoveTagsFromStreamOutput, error) {
	return nil, s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "RemoveTagsFromStream", func(_ kv.Txn, st *stream) error {
		for _, k := range in.TagKeys {
			delete(st.Tags, k)
		}
		return nil
	})
}

// ListTagsForStream lists a stream's tags by key, page by page.
//
// Limits: 50 tags a page; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) ListTagsForStream(ctx context.Context, in *kinesis.ListTagsForStreamInput) (*kinesis.ListTagsForStreamOutput, error) {
	limit := maxTags
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > maxTags {
		return nil, invalidArgument("Limit must be between 1 and %d. Specified value was %d", maxTags, limit)
	}
	st, _, err := s.describe(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "ListTagsForStream")
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListTagsForStreamOutput{Tags: []types.Tag{}, HasMoreTags: ptr(false)}
	for _, t := range sortedTags(st.Tags) {
		if *t.Key <= value(in.ExclusiveStartTagKey) {
			continue
		}
		if len(out.Tags) == limit {
			out.HasMoreTags = ptr(true)
			break
		}
		out.Tags = append(out.Tags, t)
	}
	return out, nil
}

// resource is a stream or a consumer, as the operations on ARNs see it.
type resource struct {
	st *stream
	c  *consumer // nil: the stream itself is meant
}

// resource finds what an ARN names, for a caller who may do action.
func (s *Service) resource(ctx context.Context, r kv.Reader, arn, action string) (resource, error) {
	at, rest, err := parseStreamARN(arn)
	if err != nil {
		return resource{}, err
	}
	if rest != "" {
		st, c, err := s.consumerByARN(ctx, r, arn, action)
		return resource{st, c}, err
	}
	if err := s.sameRegion(ctx, at); err != nil {
		return resource{}, err
	}
	st, err := s.edit(r, at)
	if err != nil {
		return resource{}, err
	}
	return resource{st: st}, s.authorize(ctx, st.Account, st.Policy, action, arn)
}

// tags and policy are where the resource keeps them.
func (x resource) tags() *map[string]string {
	if x.c != nil {
		return &x.c.Tags
	}
	return &x.st.Tags
}

func (x resource) policy() *string {
	if x.c != nil {
		return &x.c.Policy
	}
	return &x.st.Policy
}

// changeResource edits what an ARN names.
func (s *Service) changeResource(ctx context.Context, arn, id *string, action string, fn func(resource) error) error {
	if err := s.limits.call(ctx, action, ""); err != nil {
		return err
	}
	if err := noStreamID(id); err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		x, err := s.resource(ctx, tx, value(arn), action)
		if err != nil {
			return err
		}
		if err := fn(x); err != nil {
			return err
		}
		if x.c != nil {
			return saveJSON(tx, consumerKey(x.st.Log, x.c.Name), x.c)
		}
		return s.save(tx, x.st)
	})
}

// viewResource reads what an ARN names.
func (s *Service) viewResource(ctx context.Context, arn, id *string, action string) (x resource, err error) {
	if err := s.limits.call(ctx, action, ""); err != nil {
		return x, err
	}
	if err := noStreamID(id); err != nil {
		return x, err
	}
	err = s.view(ctx, func(r kv.Reader) (err error) {
		x, err = s.resource(ctx, r, value(arn), action)
		return err
	})
	return x, err
}

// TagResource adds tags to a stream or a consumer.
//
// Limits: 50 tags; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) TagResource(ctx context.Context, in *kinesis.TagResourceInput) (*kinesis.TagResourceOutput, error) {
	return nil, s.changeResource(ctx, in.ResourceARN, in.StreamId, "TagResource", func(x resource) (err error) {
		*x.tags(), err = addTags(*x.tags(), in.Tags, x.st.ref())
		return err
	})
}

// UntagResource removes tags from a stream or a consumer.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) UntagResource(ctx context.Context, in *kinesis.UntagResourceInput) (*kinesis.UntagResourceOutput, error) {
	return nil, s.changeResource(ctx, in.ResourceARN, in.StreamId, "UntagResource", func(x resource) error {
		for _, k := range in.TagKeys {
			delete(*x.tags(), k)
		}
		return nil
	})
}

// ListTagsForResource lists the tags of a stream or a consumer by key.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) ListTagsForResource(ctx context.Context, in *kinesis.ListTagsForResourceInput) (*kinesis.ListTagsForResourceOutput, error) {
	x, err := s.viewResource(ctx, in.ResourceARN, in.StreamId, "ListTagsForResource")
	if err != nil {
		return nil, err
	}
	return &kinesis.ListTagsForResourceOutput{Tags: sortedTags(*x.tags())}, nil
}
