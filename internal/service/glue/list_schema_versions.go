package glue

import (
	"context"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// ListSchemaVersions lists the versions of a schema by number, those in FAILURE among them.
//
// Limits: 100 a page, 25 by default.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) ListSchemaVersions(ctx context.Context, in *glue.ListSchemaVersionsInput) (*glue.ListSchemaVersionsOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	position, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	after := 0
	if position != "" {
		if after, err = strconv.Atoi(position); err != nil {
			return nil, invalidInput("The next token is not valid.")
		}
	}
	size := pageSize(in.MaxResults)
	list, err := s.store.Versions(ctx, n, after, size+1)
	if err != nil {
		return nil, translate(err)
	}
	out := &glue.ListSchemaVersionsOutput{}
	if len(list) > size {
		list = list[:size]
		out.NextToken = token(strconv.Itoa(list[size-1].Number))
	}
	for _, v := range list {
		out.Schemas = append(out.Schemas, types.SchemaVersionListItem{
			SchemaArn: schemaARN(ctx, n), SchemaVersionId: ptr(v.UUID), VersionNumber: ptr(int64(v.Number)), Status: status(v), CreatedTime: stamp(v.Created),
		})
	}
	return out, nil
}
