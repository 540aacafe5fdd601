package resources

import (
	"context"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

func (c *clients) restParts() map[string]*kind {
	api := func(r *deploy.Request) *string { return optional(r.Props, "RestApiId") }
	return map[string]*kind{
		"AWS::ApiGateway::Resource": {create: c.createResource, read: c.readResource,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteResource(ctx, &apigateway.DeleteResourceInput{RestApiId: api(r), ResourceId: &r.PhysicalID})
				return err
			}},
		"AWS::ApiGateway::Method": {input: func() any { return new(apigateway.PutMethodInput) }, binding: methodBinding, check: checkMethod,
			create: c.putMethod, remove: c.deleteMethod,
			// A method is put anew: what callers see is the deployment, which keeps its own copy.
			update: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				if err := c.deleteMethod(ctx, r); err != nil && !gone(err) {
					return deploy.State{}, err
				}
				return c.putMethod(ctx, r)
			}},
		"AWS::ApiGateway::Model": {create: c.createModel, update: c.updateModel,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				name := r.PhysicalID
				if name == "" {
					name = r.Name
				}
				_, err := c.rest.GetModel(ctx, &apigateway.GetModelInput{RestApiId: api(r), ModelName: &name})
				return deploy.State{PhysicalID: name}, err
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteModel(ctx, &apigateway.DeleteModelInput{RestApiId: api(r), ModelName: &r.PhysicalID})
				return err
			}},
		"AWS::ApiGateway::RequestValidator": {create: c.createValidator, update: c.updateValidator,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteRequestValidator(ctx, &apigateway.DeleteRequestValidatorInput{RestApiId: api(r), RequestValidatorId: &r.PhysicalID})
				return err
			}},
		"AWS::ApiGateway::Authorizer": {input: func() any { return new(apigateway.CreateAuthorizerInput) }, create: c.createAuthorizer, update: c.updateAuthorizer,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.rest.DeleteAuthorizer(ctx, &apigateway.DeleteAuthorizerInput{RestApiId: api(r), AuthorizerId: &r.PhysicalID})
				return err
			}},
		"AWS::ApiGateway::GatewayResponse": {input: func() any { return new(apigateway.PutGatewayResponseInput) }, create: c.putGatewayResponse, update: c.putGatewayResponse,
			remove: func(ctx context.Context, r *deploy.Request) error {
				in := &apigateway.DeleteGatewayResponseInput{RestApiId: api(r)}
				if err := (binding{}).bind(template.M("ResponseType", r.Props.Get("ResponseType")), in); err != nil {
					return err
				}
				_, err := c.rest.DeleteGatewayResponse(ctx, in)
				return err
			}},
	}
}

func resourceState(id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"ResourceId": id}}
}

func (c *clients) createResource(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateResourceInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.rest.CreateResource(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return resourceState(str(out.Id)), nil
}

func (c *clients) readResource(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if r.PhysicalID != "" {
		return resourceState(r.PhysicalID), nil
	}
	pages := apigateway.NewGetResourcesPaginator(c.rest, &apigateway.GetResourcesInput{RestApiId: optional(r.Props, "RestApiId")})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		if err != nil {
			return deploy.State{}, err
		}
		for _, res := range out.Items {
			if str(res.ParentId) == r.Props.Get("ParentId").Text() && str(res.PathPart) == r.Props.Get("PathPart").Text() {
				return resourceState(str(res.Id)), nil
			}
		}
	}
	return deploy.State{}, deploy.ErrNotFound
}

var (
	methodBinding      = binding{skip: []string{"Integration", "MethodResponses"}}
	integrationBinding = binding{skip: []string{"IntegrationResponses"}}
)

func checkMethod(props *template.Node) error {
	integration := props.Get("Integration")
	if integration == nil || integration.Kind != template.Map {
		return nil
	}
	if err := integrationBinding.bind(integration, new(apigateway.PutIntegrationInput)); err != nil {
		return err
	}
	return eachItem(integration.Get("IntegrationResponses"), func(it *template.Node) error {
		return binding{}.bind(it, new(apigateway.PutIntegrationResponseInput))
	})
}

func eachItem(list *template.Node, do func(*template.Node) error) error {
	if list == nil {
		return nil
	}
	for _, it := range list.Items {
		if err := do(it); err != nil {
			return err
		}
	}
	return nil
}

func (c *clients) putMethod(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.PutMethodInput{}
	if err := methodBinding.bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	if in.AuthorizationType == nil {
		in.AuthorizationType = ptr("NONE")
	}
	st := deploy.State{PhysicalID: str(in.RestApiId) + "|" + str(in.ResourceId) + "|" + str(in.HttpMethod)}
	if _, err := c.rest.PutMethod(ctx, in); err != nil {
		return deploy.State{}, err
	}
	err := eachItem(r.Props.Get("MethodResponses"), func(it *template.Node) error {
		m := &apigateway.PutMethodResponseInput{}
		if err := (binding{}).bind(it, m); err != nil {
			return err
		}
		m.RestApiId, m.ResourceId, m.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
		_, err := c.rest.PutMethodResponse(ctx, m)
		return err
	})
	if err != nil {
		return st, err
	}
	return st, c.putIntegration(ctx, in, r.Props.Get("Integration"))
}

func (c *clients) putIntegration(ctx context.Context, method *apigateway.PutMethodInput, n *template.Node) error {
	if n == nil {
		return nil
	}
	in := &apigateway.PutIntegrationInput{}
	if err := integrationBinding.bind(n, in); err != nil {
		return err
	}
	in.RestApiId, in.ResourceId, in.HttpMethod = method.RestApiId, method.ResourceId, method.HttpMethod
	if _, err := c.rest.PutIntegration(ctx, in); err != nil {
		return err
	}
	return eachItem(n.Get("IntegrationResponses"), func(it *template.Node) error {
		m := &apigateway.PutIntegrationResponseInput{}
		if err := (binding{}).bind(it, m); err != nil {
			return err
		}
		m.RestApiId, m.ResourceId, m.HttpMethod = in.RestApiId, in.ResourceId, in.HttpMethod
		_, err := c.rest.PutIntegrationResponse(ctx, m)
		return err
	})
}

func (c *clients) deleteMethod(ctx context.Context, r *deploy.Request) error {
	_, err := c.rest.DeleteMethod(ctx, &apigateway.DeleteMethodInput{RestApiId: optional(r.Props, "RestApiId"), ResourceId: optional(r.Props, "ResourceId"), HttpMethod: optional(r.Props, "HttpMethod")})
	return err
}

func (c *clients) createModel(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateModelInput{RestApiId: optional(r.Props, "RestApiId"), Name: &r.Name, Description: optional(r.Props, "Description"), ContentType: optional(r.Props, "ContentType")}
	if in.ContentType == nil {
		in.ContentType = ptr("application/json")
	}
	if s := r.Props.Get("Schema"); s != nil {
		in.Schema = ptr(document(s))
	}
	_, err := c.rest.CreateModel(ctx, in)
	return deploy.State{PhysicalID: r.Name}, err
}

func (c *clients) updateModel(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	var p patches
	p.scalars(r, "Description", "/description")
	if changed(r, "Schema") {
		p.replace("/schema", document(r.Props.Get("Schema")))
	}
	st := deploy.State{PhysicalID: r.PhysicalID}
	if len(p) == 0 {
		return st, nil
	}
	_, err := c.rest.UpdateModel(ctx, &apigateway.UpdateModelInput{RestApiId: optional(r.Props, "RestApiId"), ModelName: &r.PhysicalID, PatchOperations: p})
	return st, err
}

func validatorState(id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"RequestValidatorId": id}}
}

func (c *clients) createValidator(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateRequestValidatorInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.rest.CreateRequestValidator(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return validatorState(str(out.Id)), nil
}

func (c *clients) updateValidator(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	var p patches
	for prop, path := range map[string]string{"ValidateRequestBody": "/validateRequestBody", "ValidateRequestParameters": "/validateRequestParameters"} {
		if changed(r, prop) {
			p.replace(path, strconv.FormatBool(strings.EqualFold(r.Props.Get(prop).Text(), "true")))
		}
	}
	if len(p) == 0 {
		return validatorState(r.PhysicalID), nil
	}
	_, err := c.rest.UpdateRequestValidator(ctx, &apigateway.UpdateRequestValidatorInput{RestApiId: optional(r.Props, "RestApiId"), RequestValidatorId: &r.PhysicalID, PatchOperations: p})
	return validatorState(r.PhysicalID), err
}

func authorizerState(id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"AuthorizerId": id}}
}

func (c *clients) createAuthorizer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.CreateAuthorizerInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	out, err := c.rest.CreateAuthorizer(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	return authorizerState(str(out.Id)), nil
}

func (c *clients) updateAuthorizer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	var p patches
	p.scalars(r, "Name", "/name", "Type", "/type", "AuthorizerUri", "/authorizerUri", "AuthorizerCredentials", "/authorizerCredentials", "IdentitySource", "/identitySource",
		"IdentityValidationExpression", "/identityValidationExpression", "AuthType", "/authType")
	if changed(r, "AuthorizerResultTtlInSeconds") {
		ttl := r.Props.Get("AuthorizerResultTtlInSeconds").Text()
		if ttl == "" {
			ttl = "300"
		}
		p.replace("/authorizerResultTtlInSeconds", ttl)
	}
	if len(p) == 0 {
		return authorizerState(r.PhysicalID), nil
	}
	_, err := c.rest.UpdateAuthorizer(ctx, &apigateway.UpdateAuthorizerInput{RestApiId: optional(r.Props, "RestApiId"), AuthorizerId: &r.PhysicalID, PatchOperations: p})
	return authorizerState(r.PhysicalID), err
}

func (c *clients) putGatewayResponse(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &apigateway.PutGatewayResponseInput{}
	if err := (binding{}).bind(r.Props, in); err != nil {
		return deploy.State{}, err
	}
	id := str(in.RestApiId) + "|" + string(in.ResponseType)
	_, err := c.rest.PutGatewayResponse(ctx, in)
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"Id": id}}, err
}
