package glue

import (
	"context"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"

	"github.com/leatdev/leat/internal/subjects"
)

// ListRegistries lists the registries by name.
//
// Limits: 100 a page, 25 by default.
// Errors: InvalidInputException.
// Differs: nothing.
func (s *Service) ListRegistries(ctx context.Context, in *glue.ListRegistriesInput) (*glue.ListRegistriesOutput, error) {
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	all, err := s.store.Registries(ctx)
	if err != nil {
		return nil, err
	}
	sort.Slice(all, func(i, j int) bool {
		return subjects.RegistryName(all[i].Context) < subjects.RegistryName(all[j].Context)
	})
	out := &glue.ListRegistriesOutput{}
	for _, r := range all {
		name := subjects.RegistryName(r.Context)
		if name <= after {
			continue
		}
		if len(out.Registries) == pageSize(in.MaxResults) {
			out.NextToken = token(*out.Registries[len(out.Registries)-1].RegistryName)
			break
		}
		out.Registries = append(out.Registries, types.RegistryListItem{
			RegistryName: &name, RegistryArn: registryARN(ctx, r.Context), Description: optional(r.Description),
			Status: types.RegistryStatusAvailable, CreatedTime: stamp(r.Created), UpdatedTime: stamp(r.Updated),
		})
	}
	return out, nil
}
