package lambda

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// ofMapping tells whether an ARN is an event source mapping's, whose tags lie elsewhere.
func (s *Service) ofMapping(arn *string) bool {
	return s.opt.MappingTags != nil && strings.Contains(deref(arn), ":event-source-mapping:")
}

// tagged parses the ARN of a function that has tags.
func tagged(ctx context.Context, arn *string) (reference, error) {
	a, err := aws.ParseARN(deref(arn))
	if err != nil || a.Service != "lambda" {
		return reference{}, invalidParameter("Invalid ARN: %s", deref(arn))
	}
	if !strings.HasPrefix(a.Resource, "function:") {
		return reference{}, resourceNotFound("The resource you requested does not exist.")
	}
	ref, err := refer(ctx, arn, nil)
	if err == nil && ref.qualifier != "" {
		err = invalidParameter("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return ref, err
}

// TagResource sets tags of a function.
//
// Limits: 50 tags.
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: code signing configurations have no tags here.
func (s *Service) tagResource(ctx context.Context, in *lambda.TagResourceInput) (*lambda.TagResourceOutput, error) {
	if s.ofMapping(in.Resource) {
		return nil, s.opt.MappingTags.Retag(ctx, *in.Resource, in.Tags, nil)
	}
	ref, err := tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		maps.Copy(f.Tags, in.Tags)
		if len(f.Tags) > maxTags {
			return invalidParameter("The number of tags exceeds the limit of %d", maxTags)
		}
		return nil
	})
}

// UntagResource removes tags of a function.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) untagResource(ctx context.Context, in *lambda.UntagResourceInput) (*lambda.UntagResourceOutput, error) {
	if s.ofMapping(in.Resource) {
		return nil, s.opt.MappingTags.Retag(ctx, *in.Resource, nil, in.TagKeys)
	}
	ref, err := tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, s.change(ctx, ref, func(_ kv.Txn, f *function) error {
		for _, k := range in.TagKeys {
			delete(f.Tags, k)
		}
		return nil
	})
}

// Tags are the tags of the function that an ARN names, qualified or not.
func (s *Service) Tags(ctx context.Context, functionARN string) (map[string]string, error) {
	ref, err := s.referARN(ctx, functionARN)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	return maps.Clone(f.Tags), nil
}

// ListTags shows the tags of a function.
//
// Errors: ResourceNotFoundException, InvalidParameterValueException.
// Differs: nothing.
func (s *Service) listTags(ctx context.Context, in *lambda.ListTagsInput) (*lambda.ListTagsOutput, error) {
	if s.ofMapping(in.Resource) {
		tags, err := s.opt.MappingTags.Tags(ctx, *in.Resource)
		return &lambda.ListTagsOutput{Tags: tags}, err
	}
	ref, err := tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	f, err := s.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &lambda.ListTagsOutput{Tags: map[string]string{}}
	maps.Copy(out.Tags, f.Tags)
	return out, nil
}
