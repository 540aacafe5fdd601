package apigateway

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
)

var partPattern = regexp.MustCompile(`^(\{[a-zA-Z0-9._:-]+\+?\}|[a-zA-Z0-9._:\-~$*]+)$`)

// resource finds a resource.
func (a *restAPI) resource(id *string) (types.Resource, error) {
	r, ok := a.Resources[deref(id)]
	if !ok {
		return r, notFound("Invalid Resource identifier specified")
	}
	return r, nil
}

// checkPart refuses a path part that is malformed or taken among its siblings.
func (a *restAPI) checkPart(parent types.Resource, part, self string) error {
	if !partPattern.MatchString(part) {
		return badRequest("Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the beginning and the end.")
	}
	if strings.HasSuffix(deref(parent.PathPart), "+}") {
		return badRequest("Cannot create a child of a resource with a greedy path variable: %s", *parent.Path)
	}
	variable := strings.HasPrefix(part, "{")
	for _, r := range a.Resources {
		if deref(r.ParentId) != *parent.Id || *r.Id == self {
			continue
		}
		if *r.PathPart == part {
			return conflict("Another resource with the same parent already has this name: %s", part)
		}
		greedy := strings.HasSuffix(*r.PathPart, "+}") != strings.HasSuffix(part, "+}")
		if variable && strings.HasPrefix(*r.PathPart, "{") && !greedy {
			return badRequest("A sibling (%s) of this resource already has a variable path part -- only one is allowed", *r.PathPart)
		}
	}
	return nil
}

func join(parent, part string) string { return strings.TrimSuffix(parent, "/") + "/" + part }

// addResource makes a child of a resource.
func (a *restAPI) addResource(parent types.Resource, part string) (types.Resource, error) {
	if err := a.checkPart(parent, part, ""); err != nil {
		return types.Resource{}, err
	}
	if len(a.Resources) >= maxResources {
		return types.Resource{}, tooMany("Maximum number of resources for this API has been reached: %d", maxResources)
	}
	r := types.Resource{Id: ptr(newID(partIDLength)), ParentId: parent.Id, PathPart: &part, Path: ptr(join(*parent.Path, part))}
	a.Resources[*r.Id] = r
	return r, nil
}

// CreateResource makes a resource below another one.
//
// Limits: 300 resources an API.
// Errors: NotFoundException, ConflictException, BadRequestException, LimitExceededException.
// Differs: nothing.
func (s *Service) CreateResource(ctx context.Context, in *apigateway.CreateResourceInput) (out *apigateway.CreateResourceOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		parent, err := a.resource(in.ParentId)
		if err != nil {
			return err
		}
		r, err := a.addResource(parent, *in.PathPart)
		out = as[apigateway.CreateResourceOutput](r)
		return err
	})
	return out, err
}

// shown is a resource as the API shows it: methods only when they are asked for.
func shown(r types.Resource, embed []string) types.Resource {
	if slices.Contains(embed, "methods") || r.ResourceMethods == nil {
		return r
	}
	names := map[string]types.Method{}
	for m := range r.ResourceMethods {
		names[m] = types.Method{}
	}
	r.ResourceMethods = names
	return r
}

// GetResource describes a resource; embed=methods adds its methods.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetResource(ctx context.Context, in *apigateway.GetResourceInput) (*apigateway.GetResourceOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	r, err := a.resource(in.ResourceId)
	if err != nil {
		return nil, err
	}
	return as[apigateway.GetResourceOutput](shown(r, in.Embed)), nil
}

// GetResources lists an API's resources.
//
// Limits: 500 a page, 25 by default.
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetResources(ctx context.Context, in *apigateway.GetResourcesInput) (*apigateway.GetResourcesOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	page, next := paginate(sortedValues(a.Resources), func(r types.Resource) string { return *r.Id }, in.Position, in.Limit)
	for i := range page {
		page[i] = shown(page[i], in.Embed)
	}
	return &apigateway.GetResourcesOutput{Items: page, Position: next}, nil
}

// UpdateResource renames or moves a resource with all below it.
//
// Errors: NotFoundException, ConflictException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateResource(ctx context.Context, in *apigateway.UpdateResourceInput) (out *apigateway.UpdateResourceOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if r.ParentId == nil {
			return badRequest("The root resource cannot be changed")
		}
		if err := patch(&r, in.PatchOperations, "pathPart", "parentId"); err != nil {
			return err
		}
		for at := r.ParentId; at != nil; at = a.Resources[*at].ParentId {
			if *at == *r.Id {
				return badRequest("A resource cannot be moved below itself")
			}
		}
		parent, err := a.resource(r.ParentId)
		if err != nil {
			return err
		}
		if err := a.checkPart(parent, *r.PathPart, *r.Id); err != nil {
			return err
		}
		a.Resources[*r.Id] = r
		a.rename(*r.Id, *parent.Path)
		out = as[apigateway.UpdateResourceOutput](shown(a.Resources[*r.Id], nil))
		return nil
	})
	return out, err
}

// rename gives a resource and all below it their paths.
func (a *restAPI) rename(id, parent string) {
	r := a.Resources[id]
	r.Path = ptr(join(parent, *r.PathPart))
	a.Resources[id] = r
	for child, c := range a.Resources {
		if deref(c.ParentId) == id {
			a.rename(child, *r.Path)
		}
	}
}

// DeleteResource removes a resource with all below it.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) DeleteResource(ctx context.Context, in *apigateway.DeleteResourceInput) (*apigateway.DeleteResourceOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if r.ParentId == nil {
			return badRequest("Cannot delete the root resource")
		}
		a.deleteTree(*r.Id)
		return nil
	})
}

func (a *restAPI) deleteTree(id string) {
	delete(a.Resources, id)
	for child, c := range a.Resources {
		if deref(c.ParentId) == id {
			a.deleteTree(child)
		}
	}
}
