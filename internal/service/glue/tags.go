package glue

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/internal/subjects"
)

func checkTags(tags map[string]string) error {
	for k := range tags {
		if strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalidInput("Tag keys that begin with aws: are reserved: %s", k)
		}
	}
	if len(tags) > MaxTags {
		return invalidInput("A resource cannot have more than %d tags.", MaxTags)
	}
	return nil
}

// editTags changes the tags of what an ARN names: a registry or a schema.
func (s *Service) editTags(ctx context.Context, arn string, change func(map[string]string) error) error {
	if name, ok := resource(ctx, arn, "registry/"); ok {
		c := subjects.ContextOf(name)
		err := s.store.EditRegistry(ctx, c, func(r *subjects.Registry) error {
			if r.Tags == nil {
				r.Tags = map[string]string{}
			}
			return change(r.Tags)
		})
		return registryError(err, c)
	}
	n, err := taggable(ctx, arn)
	if err != nil {
		return err
	}
	return translate(s.store.EditSubject(ctx, n, func(d *subjects.Subject) error {
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		return change(d.Tags)
	}))
}

func taggable(ctx context.Context, arn string) (subjects.Name, error) {
	name, ok := resource(ctx, arn, "schema/")
	registry, schemaName, cut := strings.Cut(name, "/")
	if !ok || !cut {
		return subjects.Name{}, entityNotFound("Entity not found. ResourceArn: %s", arn)
	}
	return glueName(registry, schemaName), nil
}

// TagResource adds tags to a registry or schema or gives those it has another value.
//
// Limits: 50 tags a resource.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: only registries and schemas exist here.
func (s *Service) TagResource(ctx context.Context, in *glue.TagResourceInput) (*glue.TagResourceOutput, error) {
	return nil, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
		maps.Copy(tags, in.TagsToAdd)
		return checkTags(tags)
	})
}

// UntagResource removes tags from a registry or schema; keys it does not have are ignored.
//
// Limits: 50 keys a call.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: only registries and schemas exist here.
func (s *Service) UntagResource(ctx context.Context, in *glue.UntagResourceInput) (*glue.UntagResourceOutput, error) {
	return nil, s.editTags(ctx, *in.ResourceArn, func(tags map[string]string) error {
		for _, k := range in.TagsToRemove {
			delete(tags, k)
		}
		return nil
	})
}

// GetTags lists the tags of a registry or schema.
//
// Limits: none.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: only registries and schemas exist here.
func (s *Service) GetTags(ctx context.Context, in *glue.GetTagsInput) (*glue.GetTagsOutput, error) {
	if name, ok := resource(ctx, *in.ResourceArn, "registry/"); ok {
		c := subjects.ContextOf(name)
		r, err := s.store.Registry(ctx, c)
		return &glue.GetTagsOutput{Tags: orEmpty(r.Tags)}, registryError(err, c)
	}
	n, err := taggable(ctx, *in.ResourceArn)
	if err != nil {
		return nil, err
	}
	d, err := s.store.Subject(ctx, n)
	return &glue.GetTagsOutput{Tags: orEmpty(d.Tags)}, translate(err)
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}
