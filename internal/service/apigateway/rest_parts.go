package apigateway

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
)

// CreateModel makes a model: a JSON schema (draft 4) that bodies are validated against.
//
// Errors: NotFoundException, ConflictException, BadRequestException.
// Differs: nothing.
func (s *Service) CreateModel(ctx context.Context, in *apigateway.CreateModelInput) (*apigateway.CreateModelOutput, error) {
	m := *as[types.Model](in)
	m.Id = ptr(newID(partIDLength))
	err := s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Models[*in.Name]; ok {
			return conflict("Model name already exists for this REST API")
		}
		put(&a.Models, *in.Name, m)
		return a.checkModel(&m)
	})
	return as[apigateway.CreateModelOutput](m), err
}

func (a *restAPI) checkModel(m *types.Model) error {
	if deref(m.Schema) == "" {
		return nil
	}
	if _, err := a.compileModel(*m.Schema); err != nil {
		return badRequest("Invalid model specified: Validation Result: warnings : [], errors : [%v]", err)
	}
	return nil
}

// GetModel describes a model.
//
// Errors: NotFoundException.
// Differs: Flatten is accepted; models hold no references that could be flattened.
func (s *Service) GetModel(ctx context.Context, in *apigateway.GetModelInput) (*apigateway.GetModelOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	m, ok := a.Models[*in.ModelName]
	if !ok {
		return nil, notFound("Invalid Model Name specified: %s", *in.ModelName)
	}
	return as[apigateway.GetModelOutput](m), nil
}

// GetModels lists an API's models.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetModels(ctx context.Context, in *apigateway.GetModelsInput) (*apigateway.GetModelsOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	page, next := paginate(sortedValues(a.Models), func(m types.Model) string { return *m.Name }, in.Position, in.Limit)
	return &apigateway.GetModelsOutput{Items: page, Position: next}, nil
}

// UpdateModel changes a model by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateModel(ctx context.Context, in *apigateway.UpdateModelInput) (out *apigateway.UpdateModelOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		m, ok := a.Models[*in.ModelName]
		if !ok {
			return notFound("Invalid Model Name specified: %s", *in.ModelName)
		}
		if err := patch(&m, in.PatchOperations, "description", "schema"); err != nil {
			return err
		}
		a.Models[*m.Name] = m
		out = as[apigateway.UpdateModelOutput](m)
		return a.checkModel(&m)
	})
	return out, err
}

// DeleteModel removes a model that no method uses.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteModel(ctx context.Context, in *apigateway.DeleteModelInput) (*apigateway.DeleteModelOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Models[*in.ModelName]; !ok {
			return notFound("Invalid Model Name specified: %s", *in.ModelName)
		}
		for _, r := range a.Resources {
			for _, m := range r.ResourceMethods {
				for _, name := range m.RequestModels {
					if name == *in.ModelName {
						return conflict("Cannot delete model '%s', is referenced in method request: %s", name, deref(m.HttpMethod))
					}
				}
			}
		}
		delete(a.Models, *in.ModelName)
		return nil
	})
}

// CreateRequestValidator makes a validator of parameters, bodies or both.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) CreateRequestValidator(ctx context.Context, in *apigateway.CreateRequestValidatorInput) (*apigateway.CreateRequestValidatorOutput, error) {
	v := types.RequestValidator{
		Id: ptr(newID(partIDLength)), Name: in.Name,
		ValidateRequestBody: in.ValidateRequestBody, ValidateRequestParameters: in.ValidateRequestParameters,
	}
	err := s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		put(&a.Validators, *v.Id, v)
		return nil
	})
	return as[apigateway.CreateRequestValidatorOutput](v), err
}

// GetRequestValidator describes a validator.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetRequestValidator(ctx context.Context, in *apigateway.GetRequestValidatorInput) (*apigateway.GetRequestValidatorOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	v, ok := a.Validators[*in.RequestValidatorId]
	if !ok {
		return nil, notFound("Invalid Request Validator identifier specified")
	}
	return as[apigateway.GetRequestValidatorOutput](v), nil
}

// GetRequestValidators lists an API's validators.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetRequestValidators(ctx context.Context, in *apigateway.GetRequestValidatorsInput) (*apigateway.GetRequestValidatorsOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	page, next := paginate(sortedValues(a.Validators), func(v types.RequestValidator) string { return *v.Id }, in.Position, in.Limit)
	return &apigateway.GetRequestValidatorsOutput{Items: page, Position: next}, nil
}

// UpdateRequestValidator changes a validator by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: nothing.
func (s *Service) UpdateRequestValidator(ctx context.Context, in *apigateway.UpdateRequestValidatorInput) (out *apigateway.UpdateRequestValidatorOutput, err error) {
	err = s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		v, ok := a.Validators[*in.RequestValidatorId]
		if !ok {
			return notFound("Invalid Request Validator identifier specified")
		}
		if err := patch(&v, in.PatchOperations, "name", "validateRequestBody", "validateRequestParameters"); err != nil {
			return err
		}
		a.Validators[*v.Id] = v
		out = as[apigateway.UpdateRequestValidatorOutput](v)
		return nil
	})
	return out, err
}

// DeleteRequestValidator removes a validator that no method uses.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) DeleteRequestValidator(ctx context.Context, in *apigateway.DeleteRequestValidatorInput) (*apigateway.DeleteRequestValidatorOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Validators[*in.RequestValidatorId]; !ok {
			return notFound("Invalid Request Validator identifier specified")
		}
		for _, r := range a.Resources {
			for _, m := range r.ResourceMethods {
				if deref(m.RequestValidatorId) == *in.RequestValidatorId {
					return conflict("Cannot delete validator '%s', is referenced in method", *in.RequestValidatorId)
				}
			}
		}
		delete(a.Validators, *in.RequestValidatorId)
		return nil
	})
}

// PutGatewayResponse says how the gateway words its own answers of a kind.
//
// Errors: NotFoundException, BadRequestException.
// Differs: of templates' variables $context.error.message and messageString are replaced; response parameters are static texts.
func (s *Service) PutGatewayResponse(ctx context.Context, in *apigateway.PutGatewayResponseInput) (*apigateway.PutGatewayResponseOutput, error) {
	g := *as[types.GatewayResponse](in)
	if !slices.Contains(in.ResponseType.Values(), in.ResponseType) {
		return nil, badRequest("Invalid gateway response type: %s", in.ResponseType)
	}
	err := s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		put(&a.Responses, string(in.ResponseType), g)
		return nil
	})
	return as[apigateway.PutGatewayResponseOutput](g), err
}

// gatewayResponse is an API's response of a kind, its own or the default.
func (a *restAPI) gatewayResponse(kind types.GatewayResponseType) types.GatewayResponse {
	if g, ok := a.Responses[string(kind)]; ok {
		return g
	}
	return types.GatewayResponse{
		DefaultResponse: true, ResponseType: kind, ResponseParameters: map[string]string{},
		ResponseTemplates: map[string]string{"application/json": `{"message":$context.error.messageString}`},
	}
}

// GetGatewayResponse describes a gateway response, the default where none was put.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetGatewayResponse(ctx context.Context, in *apigateway.GetGatewayResponseInput) (*apigateway.GetGatewayResponseOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	return as[apigateway.GetGatewayResponseOutput](a.gatewayResponse(in.ResponseType)), nil
}

// GetGatewayResponses lists all kinds of gateway responses.
//
// Errors: NotFoundException.
// Differs: one page.
func (s *Service) GetGatewayResponses(ctx context.Context, in *apigateway.GetGatewayResponsesInput) (*apigateway.GetGatewayResponsesOutput, error) {
	a, err := s.rest(ctx, in.RestApiId)
	if err != nil {
		return nil, err
	}
	out := &apigateway.GetGatewayResponsesOutput{}
	for _, kind := range types.GatewayResponseType("").Values() {
		out.Items = append(out.Items, a.gatewayResponse(kind))
	}
	return out, nil
}

// DeleteGatewayResponse returns a kind of gateway response to the default.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteGatewayResponse(ctx context.Context, in *apigateway.DeleteGatewayResponseInput) (*apigateway.DeleteGatewayResponseOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		if _, ok := a.Responses[string(in.ResponseType)]; !ok {
			return notFound("Gateway response type not defined on api")
		}
		delete(a.Responses, string(in.ResponseType))
		return nil
	})
}
