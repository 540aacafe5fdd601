package dynamodb

import (
	"context"
	"slices"
	"strings"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

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
	if len(in.TagKeys) == 0 {
		return nil, validation("At least one tag key is required")
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
