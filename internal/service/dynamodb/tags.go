package dynamodb

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

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
	if !isARN(*arn) {
		return nil, invalidParam("ARNs must start with 'arn:': %s", *arn)
	}
	a, err := aws.ParseARN(*arn)
	if err != nil || a.Service != "dynamodb" || strings.Contains(a.Resource, "/backup/") {
		return nil, invalidParam("Provided Arn is not a DynamoDB resource arn: %s", *arn)
	}
	if kind, rest, _ := strings.Cut(a.Resource, "/"); kind != "table" || rest == "" || strings.Contains(rest, "/index/") {
		return nil, invalidParam("Invalid resource arn provided, only table or stream is accepted. Provided resource arn: %s", *arn)
	}
	return arn, nil
}

// maxTags is how many tags a table may have.
const maxTags = 50

// Lengths of a tag in characters.
const (
	maxTagKey   = 128
	maxTagValue = 256
)

func checkTagKey(key *string) error {
	switch {
	case key == nil:
		return validation("The Tag Key provided is invalid, Key: null")
	case *key == "" || utf8.RuneCountInString(*key) > maxTagKey:
		return validation("The Tag Key provided is invalid, Key: %s", *key)
	case strings.HasPrefix(strings.ToLower(*key), "aws:"):
		return validation("Tag Key cannot be prefixed with aws:, Key: %s", *key)
	}
	return nil
}

func tooManyTags() error {
	return validation("Number of Tags exceed the current limit for the provided ResourceArn")
}

// addTags merges tags with those that stand; of those that come, each key must be another.
func addTags(tags []Tag, add []types.Tag) ([]Tag, error) {
	for i, a := range add {
		if err := checkTagKey(a.Key); err != nil {
			return nil, err
		}
		switch {
		case a.Value == nil:
			return nil, validation("The Tag Value provided is invalid, Value: null")
		case utf8.RuneCountInString(*a.Value) > maxTagValue:
			return nil, validation("The Tag Value provided is invalid, Value: %s", *a.Value)
		case slices.ContainsFunc(add[:i], func(b types.Tag) bool { return *b.Key == *a.Key }):
			return nil, validation("Duplicate Tag Keys provided as input: Duplicate Tag Key found %s", *a.Key)
		}
		key, value := *a.Key, *a.Value
		if i := slices.IndexFunc(tags, func(t Tag) bool { return t.Key == key }); i >= 0 {
			tags[i].Value = value
			continue
		}
		tags = append(tags, Tag{key, value})
	}
	if len(tags) > maxTags {
		return nil, tooManyTags()
	}
	return tags, nil
}

// TagResource adds tags to a table. The refusals of tags and of ARNs have AWS's words of October 2026.
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
		return nil, validation("Atleast one Tag needs to be provided as Input.")
	}
	return &dynamodb.TagResourceOutput{}, s.changeTable(ctx, name, func(_ kv.Txn, t *Table) (err error) {
		t.Tags, err = addTags(t.Tags, in.Tags)
		return err
	})
}

// UntagResource removes tags from a table.
//
// Limits: 50 keys.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) UntagResource(ctx context.Context, in *dynamodb.UntagResourceInput) (*dynamodb.UntagResourceOutput, error) {
	name, err := tableOfARN(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, validation("Atleast one Tag Key needs to be provided as Input.")
	}
	if len(in.TagKeys) > maxTags {
		return nil, tooManyTags()
	}
	for i := range in.TagKeys {
		if err := checkTagKey(&in.TagKeys[i]); err != nil {
			return nil, err
		}
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
