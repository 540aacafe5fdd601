package apigateway

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"

	"github.com/leatdev/leat/internal/kv"
)

var httpMethods = []string{"ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

// changeMethod lets fn change a method; create makes a missing one.
func (s *Service) changeMethod(ctx context.Context, api, resource, method *string, create bool, fn func(*restAPI, *types.Method) error) error {
	return s.changeRest(ctx, api, func(_ kv.Txn, a *restAPI) error {
		r, err := a.resource(resource)
		if err != nil {
			return err
		}
		m, ok := r.ResourceMethods[*method]
		if !ok && !create {
			return notFound("Invalid Method identifier specified")
		}
		if ok && create {
			return conflict("Method already exists for this resource")
		}
		if err := fn(a, &m); err != nil {
			return err
		}
		put(&r.ResourceMethods, *method, m)
		a.Resources[*r.Id] = r
		return nil
	})
}

// method reads a method.
func (s *Service) method(ctx context.Context, api, resource, method *string) (types.Method, error) {
	a, err := s.rest(ctx, api)
	if err != nil {
		return types.Method{}, err
	}
	r, err := a.resource(resource)
	if err != nil {
		return types.Method{}, err
	}
	m, ok := r.ResourceMethods[*method]
	if !ok {
		return m, notFound("Invalid Method identifier specified")
	}
	return m, nil
}

func (a *restAPI) checkMethod(m *types.Method) error {
	if !slices.Contains(httpMethods, *m.HttpMethod) {
		return badRequest("Invalid HttpMethod specified. Valid options are %s", strings.Join(httpMethods, ","))
	}
	switch auth := deref(m.AuthorizationType); auth {
	case "NONE":
	case "CUSTOM":
		if _, ok := a.Authorizers[deref(m.AuthorizerId)]; !ok {
			return badRequest("Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer.")
		}
	case "AWS_IAM", "COGNITO_USER_POOLS":
		return badRequest("Authorization type %s is not supported: use NONE, or CUSTOM with a Lambda authorizer", auth)
	default:
		return badRequest("Invalid authorization type specified. Valid options are NONE, AWS_IAM, CUSTOM, COGNITO_USER_POOLS")
	}
	if deref(m.ApiKeyRequired) {
		return badRequest("API keys and usage plans are not supported: set apiKeyRequired to false")
	}
	if id := deref(m.RequestValidatorId); id != "" {
		if _, ok := a.Validators[id]; !ok {
			return badRequest("Invalid Request Validator identifier specified")
		}
	}
	for _, name := range m.RequestModels {
		if _, ok := a.Models[name]; !ok {
			return badRequest("Invalid model identifier specified: %s", name)
		}
	}
	return nil
}

// PutMethod gives a resource a method.
//
// Errors: NotFoundException, ConflictException, BadRequestException.
// Differs: AWS_IAM and COGNITO_USER_POOLS authorization and API keys are refused.
func (s *Service) PutMethod(ctx context.Context, in *apigateway.PutMethodInput) (out *apigateway.PutMethodOutput, err error) {
	apiKey := in.ApiKeyRequired
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, true, func(a *restAPI, m *types.Method) error {
		fill(m, in)
		m.ApiKeyRequired = ptr(apiKey)
		out = as[apigateway.PutMethodOutput](*m)
		return a.checkMethod(m)
	})
	return out, err
}

// GetMethod describes a method with its integration.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetMethod(ctx context.Context, in *apigateway.GetMethodInput) (*apigateway.GetMethodOutput, error) {
	m, err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	return as[apigateway.GetMethodOutput](m), nil
}

// UpdateMethod changes a method by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: as PutMethod.
func (s *Service) UpdateMethod(ctx context.Context, in *apigateway.UpdateMethodInput) (out *apigateway.UpdateMethodOutput, err error) {
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(a *restAPI, m *types.Method) error {
		if err := patch(m, in.PatchOperations, "authorizationType", "authorizerId", "authorizationScopes", "apiKeyRequired", "operationName", "requestModels", "requestParameters", "requestValidatorId"); err != nil {
			return err
		}
		out = as[apigateway.UpdateMethodOutput](*m)
		return a.checkMethod(m)
	})
	return out, err
}

// DeleteMethod removes a method.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteMethod(ctx context.Context, in *apigateway.DeleteMethodInput) (*apigateway.DeleteMethodOutput, error) {
	return nil, s.changeRest(ctx, in.RestApiId, func(_ kv.Txn, a *restAPI) error {
		r, err := a.resource(in.ResourceId)
		if err != nil {
			return err
		}
		if _, ok := r.ResourceMethods[*in.HttpMethod]; !ok {
			return notFound("Invalid Method identifier specified")
		}
		delete(r.ResourceMethods, *in.HttpMethod)
		a.Resources[*r.Id] = r
		return nil
	})
}

// PutMethodResponse declares a response of a method.
//
// Errors: NotFoundException, ConflictException.
// Differs: nothing.
func (s *Service) PutMethodResponse(ctx context.Context, in *apigateway.PutMethodResponseInput) (out *apigateway.PutMethodResponseOutput, err error) {
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		if _, ok := m.MethodResponses[*in.StatusCode]; ok {
			return conflict("Response already exists for this resource")
		}
		mr := *as[types.MethodResponse](in)
		put(&m.MethodResponses, *in.StatusCode, mr)
		out = as[apigateway.PutMethodResponseOutput](mr)
		return nil
	})
	return out, err
}

// GetMethodResponse describes a response of a method.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetMethodResponse(ctx context.Context, in *apigateway.GetMethodResponseInput) (*apigateway.GetMethodResponseOutput, error) {
	m, err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	mr, ok := m.MethodResponses[*in.StatusCode]
	if !ok {
		return nil, notFound("Invalid Response status code specified")
	}
	return as[apigateway.GetMethodResponseOutput](mr), nil
}

// DeleteMethodResponse removes a response of a method.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteMethodResponse(ctx context.Context, in *apigateway.DeleteMethodResponseInput) (*apigateway.DeleteMethodResponseOutput, error) {
	return nil, s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		if _, ok := m.MethodResponses[*in.StatusCode]; !ok {
			return notFound("Invalid Response status code specified")
		}
		delete(m.MethodResponses, *in.StatusCode)
		return nil
	})
}

const (
	defaultTimeoutMillis = 29_000
	minTimeoutMillis     = 50
)

// checkIntegration refuses what the data plane does not do.
func checkIntegration(i *types.Integration) error {
	switch i.Type {
	case types.IntegrationTypeAwsProxy:
		if _, err := functionOf(deref(i.Uri)); err != nil {
			return badRequest("Invalid ARN specified in the request")
		}
		if deref(i.HttpMethod) == "" {
			return badRequest("Enumeration value for HttpMethod must be non-empty")
		}
	case types.IntegrationTypeHttpProxy, types.IntegrationTypeHttp:
		u, err := url.Parse(plainVariables(deref(i.Uri)))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return badRequest("Invalid HTTP endpoint specified for URI")
		}
		if i.Type == types.IntegrationTypeHttp && len(i.RequestTemplates) > 0 {
			return badRequest("Mapping templates of HTTP integrations are not supported: use HTTP_PROXY")
		}
	case types.IntegrationTypeMock:
		for _, t := range i.RequestTemplates {
			if _, err := mockStatus(t); err != nil {
				return badRequest("%v", err)
			}
		}
	case types.IntegrationTypeAws:
		return badRequest("Direct service integrations (type AWS) are not supported: use AWS_PROXY with a function")
	default:
		return badRequest("Enumeration value for type must be non-empty")
	}
	if i.ConnectionType == types.ConnectionTypeVpcLink {
		return badRequest("VPC links are not supported: use connection type INTERNET")
	}
	if i.TimeoutInMillis < minTimeoutMillis || i.TimeoutInMillis > defaultTimeoutMillis {
		return badRequest("Timeout should be between %d ms and %d ms", minTimeoutMillis, defaultTimeoutMillis)
	}
	return nil
}

var variablePattern = regexp.MustCompile(`\$\{stageVariables\.([A-Za-z0-9_]+)\}|\{[A-Za-z0-9._:+-]+\}`)

// plainVariables stands x for the variables of a URI, to see whether the rest is one.
func plainVariables(uri string) string { return variablePattern.ReplaceAllString(uri, "x") }

// functionOf takes the function out of arn:aws:apigateway:REGION:lambda:path/2015-03-31/functions/ARN/invocations.
func functionOf(uri string) (string, error) {
	_, rest, ok := strings.Cut(uri, ":lambda:path/2015-03-31/functions/")
	if !ok || !strings.HasPrefix(uri, "arn:") {
		return "", fmt.Errorf("%q is not the invocation path of a function", uri)
	}
	fn, _, ok := strings.Cut(rest, "/invocations")
	if !ok || fn == "" {
		return "", fmt.Errorf("%q is not the invocation path of a function", uri)
	}
	return fn, nil
}

// PutIntegration says what answers a method.
//
// Errors: NotFoundException, BadRequestException.
// Differs: types AWS and VPC_LINK, and mapping templates beyond a MOCK's static ones, are refused; caching settings are kept and change nothing.
func (s *Service) PutIntegration(ctx context.Context, in *apigateway.PutIntegrationInput) (out *apigateway.PutIntegrationOutput, err error) {
	i := *as[types.Integration](in)
	i.HttpMethod = in.IntegrationHttpMethod
	if i.TimeoutInMillis = deref(in.TimeoutInMillis); i.TimeoutInMillis == 0 {
		i.TimeoutInMillis = defaultTimeoutMillis
	}
	if i.PassthroughBehavior == nil {
		i.PassthroughBehavior = ptr("WHEN_NO_MATCH")
	}
	if i.CacheNamespace == nil {
		i.CacheNamespace = in.ResourceId
	}
	if err := checkIntegration(&i); err != nil {
		return nil, err
	}
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		m.MethodIntegration = &i
		return nil
	})
	return as[apigateway.PutIntegrationOutput](i), err
}

func integrationOf(m types.Method) (*types.Integration, error) {
	if m.MethodIntegration == nil {
		return nil, notFound("Invalid Integration identifier specified")
	}
	return m.MethodIntegration, nil
}

// GetIntegration describes a method's integration.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetIntegration(ctx context.Context, in *apigateway.GetIntegrationInput) (*apigateway.GetIntegrationOutput, error) {
	m, err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	i, err := integrationOf(m)
	if err != nil {
		return nil, err
	}
	return as[apigateway.GetIntegrationOutput](*i), nil
}

// UpdateIntegration changes an integration by patch operations.
//
// Errors: NotFoundException, BadRequestException.
// Differs: as PutIntegration.
func (s *Service) UpdateIntegration(ctx context.Context, in *apigateway.UpdateIntegrationInput) (out *apigateway.UpdateIntegrationOutput, err error) {
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		i, err := integrationOf(*m)
		if err != nil {
			return err
		}
		if err := patch(i, in.PatchOperations, "uri", "httpMethod", "credentials", "requestParameters", "requestTemplates", "passthroughBehavior", "contentHandling", "timeoutInMillis", "cacheNamespace", "cacheKeyParameters", "connectionType", "connectionId", "type"); err != nil {
			return err
		}
		out = as[apigateway.UpdateIntegrationOutput](*i)
		return checkIntegration(i)
	})
	return out, err
}

// DeleteIntegration removes a method's integration.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteIntegration(ctx context.Context, in *apigateway.DeleteIntegrationInput) (*apigateway.DeleteIntegrationOutput, error) {
	return nil, s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		if _, err := integrationOf(*m); err != nil {
			return err
		}
		m.MethodIntegration = nil
		return nil
	})
}

// PutIntegrationResponse says how an integration's answer becomes a method's.
//
// Errors: NotFoundException, BadRequestException.
// Differs: templates that are not static text are refused; so is a content handling.
func (s *Service) PutIntegrationResponse(ctx context.Context, in *apigateway.PutIntegrationResponseInput) (out *apigateway.PutIntegrationResponseOutput, err error) {
	ir := *as[types.IntegrationResponse](in)
	for _, t := range ir.ResponseTemplates {
		if !static(t) {
			return nil, badRequest("Mapping templates that are not static text are not supported")
		}
	}
	if ir.ContentHandling != "" {
		return nil, badRequest("Content handling of integration responses is not supported")
	}
	err = s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		i, err := integrationOf(*m)
		if err != nil {
			return err
		}
		put(&i.IntegrationResponses, *in.StatusCode, ir)
		return nil
	})
	return as[apigateway.PutIntegrationResponseOutput](ir), err
}

// GetIntegrationResponse describes an integration's response.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) GetIntegrationResponse(ctx context.Context, in *apigateway.GetIntegrationResponseInput) (*apigateway.GetIntegrationResponseOutput, error) {
	m, err := s.method(ctx, in.RestApiId, in.ResourceId, in.HttpMethod)
	if err != nil {
		return nil, err
	}
	i, err := integrationOf(m)
	if err != nil {
		return nil, err
	}
	ir, ok := i.IntegrationResponses[*in.StatusCode]
	if !ok {
		return nil, notFound("Invalid Response status code specified")
	}
	return as[apigateway.GetIntegrationResponseOutput](ir), nil
}

// DeleteIntegrationResponse removes an integration's response.
//
// Errors: NotFoundException.
// Differs: nothing.
func (s *Service) DeleteIntegrationResponse(ctx context.Context, in *apigateway.DeleteIntegrationResponseInput) (*apigateway.DeleteIntegrationResponseOutput, error) {
	return nil, s.changeMethod(ctx, in.RestApiId, in.ResourceId, in.HttpMethod, false, func(_ *restAPI, m *types.Method) error {
		i, err := integrationOf(*m)
		if err != nil {
			return err
		}
		if _, ok := i.IntegrationResponses[*in.StatusCode]; !ok {
			return notFound("Invalid Response status code specified")
		}
		delete(i.IntegrationResponses, *in.StatusCode)
		return nil
	})
}
