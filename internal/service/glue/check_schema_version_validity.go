package glue

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat/schema"
)

// CheckSchemaVersionValidity tells whether a definition is valid, without storing it.
//
// Limits: definitions of 170,000 characters; errors of 5,000.
// Errors: InvalidInputException.
// Differs: nothing.
func (s *Service) CheckSchemaVersionValidity(_ context.Context, in *glue.CheckSchemaVersionValidityInput) (*glue.CheckSchemaVersionValidityOutput, error) {
	const maxError = 5000
	_, err := schema.Parse(schema.Type(in.DataFormat), *in.SchemaDefinition, nil, nil)
	if err == nil {
		return &glue.CheckSchemaVersionValidityOutput{Valid: true}, nil
	}
	message := []rune(err.Error())
	return &glue.CheckSchemaVersionValidityOutput{Error: ptr(string(message[:min(len(message), maxError)]))}, nil
}
