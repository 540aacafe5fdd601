package glue

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// ListSchemas lists the schemas of a registry, or without a RegistryId those of all, by registry and name.
//
// Limits: 100 a page, 25 by default.
// Errors: InvalidInputException, EntityNotFoundException (the registry).
// Differs: nothing.
func (s *Service) ListSchemas(ctx context.Context, in *glue.ListSchemasInput) (*glue.ListSchemasOutput, error) {
	c := ""
	if in.RegistryId != nil && (in.RegistryId.RegistryName != nil || in.RegistryId.RegistryArn != nil) {
		var err error
		if c, err = registryOf(ctx, in.RegistryId); err != nil {
			return nil, err
		}
		if _, err := s.store.Registry(ctx, c); err != nil {
			return nil, registryError(err, c)
		}
	}
	position, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	after := subjects.Name{}
	after.Context, after.Subject, _ = strings.Cut(position, "\x00")
	size := pageSize(in.MaxResults)
	list, err := s.store.Describe(ctx, c, after, size+1)
	if err != nil {
		return nil, translate(err)
	}
	out := &glue.ListSchemasOutput{}
	if len(list) > size {
		list = list[:size]
		last := list[size-1].Name
		out.NextToken = token(last.Context + "\x00" + last.Subject)
	}
	for _, d := range list {
		out.Schemas = append(out.Schemas, types.SchemaListItem{
			RegistryName: ptr(subjects.RegistryName(d.Context)), SchemaName: ptr(subjects.EscapeGlue(d.Name.Subject)), SchemaArn: schemaARN(ctx, d.Name),
			Description: optional(d.Description), SchemaStatus: types.SchemaStatusAvailable, CreatedTime: stamp(d.Created), UpdatedTime: stamp(d.Updated),
		})
	}
	return out, nil
}
