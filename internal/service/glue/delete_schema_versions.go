package glue

import (
	"context"
	"errors"
	"sort"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// DeleteSchemaVersions deletes a version ("5") or a range of them ("5-8") for good. What could not be deleted is listed with the reason: the first
// version goes only with the schema, and a version that another schema refers to stays.
//
// Limits: 100 version numbers a call.
// Errors: InvalidInputException (also when the range holds the checkpoint), EntityNotFoundException.
// Differs: the versions are gone when the reply is sent. AWS documents no limit for the range.
func (s *Service) DeleteSchemaVersions(ctx context.Context, in *glue.DeleteSchemaVersionsInput) (*glue.DeleteSchemaVersionsOutput, error) {
	n, err := schemaOf(ctx, in.SchemaId)
	if err != nil {
		return nil, err
	}
	from, to, err := versionRange(*in.Versions)
	if err != nil {
		return nil, err
	}
	d, err := s.store.Subject(ctx, n)
	if err != nil {
		return nil, translate(err)
	}
	if from <= d.Checkpoint && d.Checkpoint <= to && to > 1 {
		return nil, invalidInput("The version range contains the checkpoint version %d. Set another checkpoint first.", d.Checkpoint)
	}
	failed, err := s.store.DropVersions(ctx, n, from, to, func(v subjects.Version) error {
		if v.Number == 1 {
			return &subjects.Error{Kind: subjects.InvalidInput, Message: "The first schema version can only be deleted by deleting the schema."}
		}
		return nil
	})
	if err != nil {
		return nil, translate(err)
	}
	return &glue.DeleteSchemaVersionsOutput{SchemaVersionErrors: versionErrors(failed)}, nil
}

func versionErrors(failed map[int]error) []types.SchemaVersionErrorItem {
	var out []types.SchemaVersionErrorItem
	for number, err := range failed {
		code, message := "InvalidInputException", err.Error()
		var e *subjects.Error
		if errors.As(err, &e) && e.Kind == subjects.VersionNotFound {
			code, message = "EntityNotFoundException", versionNotFound
		}
		out = append(out, types.SchemaVersionErrorItem{
			VersionNumber: ptr(int64(number)), ErrorDetails: &types.ErrorDetails{ErrorCode: &code, ErrorMessage: &message},
		})
	}
	sort.Slice(out, func(i, j int) bool { return *out[i].VersionNumber < *out[j].VersionNumber })
	return out
}

// versionRange reads "5" or "5-8".
func versionRange(s string) (from, to int, err error) {
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	from, err1 := strconv.Atoi(first)
	to, err2 := strconv.Atoi(last)
	switch {
	case err1 != nil || err2 != nil || from < 1 || to < from:
		return 0, 0, invalidInput("The version range %q is not valid.", s)
	case to-from >= MaxDeleteRange:
		return 0, 0, invalidInput("The version range %q has more than %d versions.", s, MaxDeleteRange)
	}
	return from, to, nil
}
