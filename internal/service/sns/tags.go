package sns

import (
	"context"
	"encoding/base64"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/aws"
)

// addTags joins tags and checks the result.
func addTags(have map[string]string, tags []types.Tag) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range have {
		out[k] = v
	}
	given := make(map[string]bool, len(tags))
	for _, t := range tags {
		k, v := deref(t.Key), deref(t.Value)
		if k == "" || utf8.RuneCountInString(k) > 128 || utf8.RuneCountInString(v) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return nil, errInvalid("Tags Reason: keys have 1 to 128 characters and do not begin with aws:, values at most 256")
		}
		if given[k] {
			return nil, errInvalid("Duplicated keys are not allowed.")
		}
		given[k], out[k] = true, v
	}
	if len(out) > MaxTags {
		return nil, aws.Errorf("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded")
	}
	return out, nil
}

// notFoundAsResource words a missing topic as the tag operations do.
func notFoundAsResource(err error) error {
	if aws.IsCode(err, "NotFound") {
		return aws.StatusErrorf(404, "ResourceNotFound", "Resource does not exist")
	}
	return err
}

// TagResource adds tags to a topic, or changes their values.
//
// Limits: 50 tags; keys of 128, values of 256 characters.
// Errors: InvalidParameter, ResourceNotFound, TagLimitExceeded, AuthorizationError.
// Differs: nothing.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	return nil, notFoundAsResource(s.changeTopic(ctx, "TagResource", "ResourceArn", in.ResourceArn, func(_ view, rec *topicRecord) (err error) {
		rec.Tags, err = addTags(rec.Tags, in.Tags)
		return err
	}))
}

// UntagResource removes tags; those that are not there do not matter.
//
// Errors: InvalidParameter, ResourceNotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return nil, notFoundAsResource(s.changeTopic(ctx, "UntagResource", "ResourceArn", in.ResourceArn, func(_ view, rec *topicRecord) error {
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return nil
	}))
}

// ListTagsForResource answers a topic's tags.
//
// Errors: InvalidParameter, ResourceNotFound, AuthorizationError.
// Differs: nothing.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	v, err := s.topic(ctx, "ListTagsForResource", "ResourceArn", in.ResourceArn)
	if err != nil {
		return nil, notFoundAsResource(err)
	}
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, k := range sortedNames(v.rec.Tags) {
		value := v.rec.Tags[k]
		out.Tags = append(out.Tags, types.Tag{Key: &k, Value: &value})
	}
	return out, nil
}

// pageOf is the page of a sorted list that a token asks for.
func pageOf[T any](list []T, token *string, key func(T) string) ([]T, *string, error) {
	if token != nil && *token != "" {
		after, err := base64.URLEncoding.DecodeString(*token)
		if err != nil || len(after) == 0 {
			return nil, nil, errInvalid("NextToken Reason: invalid token")
		}
		i := sort.Search(len(list), func(i int) bool { return key(list[i]) > string(after) })
		list = list[i:]
	}
	if len(list) <= PageSize {
		return list, nil, nil
	}
	list = list[:PageSize]
	next := base64.URLEncoding.EncodeToString([]byte(key(list[PageSize-1])))
	return list, &next, nil
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}
