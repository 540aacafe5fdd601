package glue

import (
	"context"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// QuerySchemaVersionMetadata lists the metadata of a version: all of it, or the keys and pairs that MetadataList names. A filter
// without a value takes every value of its key.
//
// Limits: 50 pairs a page.
// Errors: InvalidInputException, EntityNotFoundException.
// Differs: nothing.
func (s *Service) QuerySchemaVersionMetadata(ctx context.Context, in *glue.QuerySchemaVersionMetadataInput) (*glue.QuerySchemaVersionMetadataOutput, error) {
	v, err := s.version(ctx, in.SchemaVersionId, in.SchemaId, in.SchemaVersionNumber)
	if err != nil {
		return nil, err
	}
	position, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	start := 0
	if position != "" {
		if start, err = strconv.Atoi(position); err != nil || start < 0 {
			return nil, invalidInput("The next token is not valid.")
		}
	}
	var taken []subjects.Pair
	for _, p := range v.Pairs {
		if wanted(in.MetadataList, p) {
			taken = append(taken, p)
		}
	}
	slices.Reverse(taken) // what was put last comes first
	taken = taken[min(start, len(taken)):]
	const mostPairs = 50
	size := mostPairs
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	out := &glue.QuerySchemaVersionMetadataOutput{SchemaVersionId: &v.UUID, MetadataInfoMap: map[string]types.MetadataInfo{}}
	if len(taken) > size {
		taken = taken[:size]
		out.NextToken = token(strconv.Itoa(start + size))
	}
	for _, p := range taken {
		info, ok := out.MetadataInfoMap[p.Key]
		if ok {
			info.OtherMetadataValueList = append(info.OtherMetadataValueList, types.OtherMetadataValueListItem{MetadataValue: ptr(p.Value), CreatedTime: stamp(p.Created)})
		} else {
			info = types.MetadataInfo{MetadataValue: ptr(p.Value), CreatedTime: stamp(p.Created)}
		}
		out.MetadataInfoMap[p.Key] = info
	}
	return out, nil
}

func wanted(filters []types.MetadataKeyValuePair, p subjects.Pair) bool {
	for _, f := range filters {
		if text(f.MetadataKey) == p.Key && (f.MetadataValue == nil || *f.MetadataValue == p.Value) {
			return true
		}
	}
	return len(filters) == 0
}

func pairOf(p *types.MetadataKeyValuePair) (subjects.Pair, error) {
	if p == nil || text(p.MetadataKey) == "" || text(p.MetadataValue) == "" {
		return subjects.Pair{}, invalidInput("Metadata key and value have to be provided.")
	}
	return subjects.Pair{Key: *p.MetadataKey, Value: *p.MetadataValue}, nil
}

func indexOf(have []subjects.Pair, p subjects.Pair) int {
	return slices.IndexFunc(have, func(h subjects.Pair) bool { return h.Key == p.Key && h.Value == p.Value })
}
