package resources

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"

	"github.com/leatdev/leat/internal/deploy"
	"github.com/leatdev/leat/internal/deploy/template"
)

// v2api is the API that a part belongs to.
func v2api(r *deploy.Request) *string { return optional(r.Props, "ApiId") }

func idState(attr, id string) deploy.State {
	return deploy.State{PhysicalID: id, Attrs: map[string]string{attr: id}}
}

// v2part makes a kind whose create and update take the properties as they are.
// create and update return the service's id for the part.
func v2part[C, U any](attr string, skip []string, create func(context.Context, *C) (*string, error), update func(context.Context, *U, string) error,
	remove func(ctx context.Context, api *string, id string) error) *kind {
	b := binding{skip: skip}
	return &kind{
		input: func() any { return new(C) }, binding: b,
		create: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			in := new(C)
			if err := b.bind(r.Props, in); err != nil {
				return deploy.State{}, err
			}
			id, err := create(ctx, in)
			if err != nil {
				return deploy.State{}, err
			}
			return idState(attr, str(id)), nil
		},
		update: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
			in := new(U)
			if err := b.bind(r.Props, in); err != nil {
				return deploy.State{}, err
			}
			return idState(attr, r.PhysicalID), update(ctx, in, r.PhysicalID)
		},
		remove: func(ctx context.Context, r *deploy.Request) error { return remove(ctx, v2api(r), r.PhysicalID) },
	}
}

func (c *clients) httpAPIs() map[string]*kind {
	return map[string]*kind{
		"AWS::ApiGatewayV2::Api": {
			input: func() any { return new(apigatewayv2.CreateApiInput) }, binding: httpAPIBinding, check: checkHTTPAPI,
			create: c.createHTTPAPI, update: c.updateHTTPAPI,
			read: func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
				if r.PhysicalID == "" {
					return deploy.State{}, deploy.ErrNotFound
				}
				return c.httpAPIState(ctx, r.PhysicalID)
			},
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.http.DeleteApi(ctx, &apigatewayv2.DeleteApiInput{ApiId: &r.PhysicalID})
				return err
			},
		},
		"AWS::ApiGatewayV2::Route":       c.routes(),
		"AWS::ApiGatewayV2::Integration": c.integrations(),
		"AWS::ApiGatewayV2::Authorizer":  c.httpAuthorizers(),
		"AWS::ApiGatewayV2::Stage":       c.httpStages(),
		"AWS::ApiGatewayV2::Deployment": v2part("DeploymentId", nil,
			func(ctx context.Context, in *apigatewayv2.CreateDeploymentInput) (*string, error) {
				out, err := c.http.CreateDeployment(ctx, in)
				if err != nil {
					return nil, err
				}
				return out.DeploymentId, nil
			},
			func(ctx context.Context, in *apigatewayv2.UpdateDeploymentInput, id string) error {
				in.DeploymentId = &id
				_, err := c.http.UpdateDeployment(ctx, in)
				return err
			},
			func(ctx context.Context, api *string, id string) error {
				_, err := c.http.DeleteDeployment(ctx, &apigatewayv2.DeleteDeploymentInput{ApiId: api, DeploymentId: &id})
				return err
			}),
	}
}

func (c *clients) routes() *kind {
	return v2part("RouteId", nil,
		func(ctx context.Context, in *apigatewayv2.CreateRouteInput) (*string, error) {
			out, err := c.http.CreateRoute(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.RouteId, nil
		},
		func(ctx context.Context, in *apigatewayv2.UpdateRouteInput, id string) error {
			in.RouteId = &id
			_, err := c.http.UpdateRoute(ctx, in)
			return err
		},
		func(ctx context.Context, api *string, id string) error {
			_, err := c.http.DeleteRoute(ctx, &apigatewayv2.DeleteRouteInput{ApiId: api, RouteId: &id})
			return err
		})
}

func (c *clients) integrations() *kind {
	return v2part("IntegrationId", nil,
		func(ctx context.Context, in *apigatewayv2.CreateIntegrationInput) (*string, error) {
			out, err := c.http.CreateIntegration(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.IntegrationId, nil
		},
		func(ctx context.Context, in *apigatewayv2.UpdateIntegrationInput, id string) error {
			in.IntegrationId = &id
			_, err := c.http.UpdateIntegration(ctx, in)
			return err
		},
		func(ctx context.Context, api *string, id string) error {
			_, err := c.http.DeleteIntegration(ctx, &apigatewayv2.DeleteIntegrationInput{ApiId: api, IntegrationId: &id})
			return err
		})
}

func (c *clients) httpAuthorizers() *kind {
	return v2part("AuthorizerId", nil,
		func(ctx context.Context, in *apigatewayv2.CreateAuthorizerInput) (*string, error) {
			out, err := c.http.CreateAuthorizer(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.AuthorizerId, nil
		},
		func(ctx context.Context, in *apigatewayv2.UpdateAuthorizerInput, id string) error {
			in.AuthorizerId = &id
			_, err := c.http.UpdateAuthorizer(ctx, in)
			return err
		},
		func(ctx context.Context, api *string, id string) error {
			_, err := c.http.DeleteAuthorizer(ctx, &apigatewayv2.DeleteAuthorizerInput{ApiId: api, AuthorizerId: &id})
			return err
		})
}

func (c *clients) httpStages() *kind {
	k := v2part("Id", []string{"Tags"},
		func(ctx context.Context, in *apigatewayv2.CreateStageInput) (*string, error) {
			out, err := c.http.CreateStage(ctx, in)
			if err != nil {
				return nil, err
			}
			return out.StageName, nil
		},
		func(ctx context.Context, in *apigatewayv2.UpdateStageInput, id string) error {
			in.StageName = &id
			_, err := c.http.UpdateStage(ctx, in)
			return err
		},
		func(ctx context.Context, api *string, id string) error {
			_, err := c.http.DeleteStage(ctx, &apigatewayv2.DeleteStageInput{ApiId: api, StageName: &id})
			return err
		})
	k.read = func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
		out, err := c.http.GetStage(ctx, &apigatewayv2.GetStageInput{ApiId: v2api(r), StageName: optional(r.Props, "StageName")})
		if err != nil {
			return deploy.State{}, err
		}
		return idState("Id", str(out.StageName)), nil
	}
	create, update := k.create, k.update
	k.create = func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
		st, err := create(ctx, r)
		if err != nil {
			return st, err
		}
		return st, c.tagHTTP(ctx, r, "/apis/"+r.Props.Get("ApiId").Text()+"/stages/"+st.PhysicalID)
	}
	k.update = func(ctx context.Context, r *deploy.Request) (deploy.State, error) {
		st, err := update(ctx, r)
		if err != nil {
			return st, err
		}
		return st, c.tagHTTP(ctx, r, "/apis/"+r.Props.Get("ApiId").Text()+"/stages/"+st.PhysicalID)
	}
	return k
}

func (c *clients) tagHTTP(ctx context.Context, r *deploy.Request, path string) error {
	arn := "arn:aws:apigateway:" + c.o.Region + "::" + path
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.http.UntagResource(ctx, &apigatewayv2.UntagResourceInput{ResourceArn: &arn, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	_, err := c.http.TagResource(ctx, &apigatewayv2.TagResourceInput{ResourceArn: &arn, Tags: set})
	return err
}

var httpAPIBinding = binding{skip: []string{"Body", "FailOnWarnings", "Tags"}}

func checkHTTPAPI(props *template.Node) error {
	if t := props.Get("ProtocolType"); t.Text() == "WEBSOCKET" {
		return template.Errorf(t, "", "WebSocket APIs are not served here", "use HTTP")
	}
	if props.Get("Body") == nil && (props.Get("Name") == nil || props.Get("ProtocolType") == nil) {
		return template.Errorf(props, "Name", "Property validation failure: [Name, ProtocolType] are required by AWS::ApiGatewayV2::Api", "add both, or a Body")
	}
	return nil
}

func (c *clients) httpAPIState(ctx context.Context, id string) (deploy.State, error) {
	out, err := c.http.GetApi(ctx, &apigatewayv2.GetApiInput{ApiId: &id})
	if err != nil {
		return deploy.State{}, err
	}
	return deploy.State{PhysicalID: id, Attrs: map[string]string{"ApiId": id, "ApiEndpoint": str(out.ApiEndpoint)}}, nil
}

func (c *clients) createHTTPAPI(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	body := r.Props.Get("Body")
	if body == nil {
		in := &apigatewayv2.CreateApiInput{}
		if err := httpAPIBinding.bind(r.Props, in); err != nil {
			return deploy.State{}, err
		}
		if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
			in.Tags = tags
		}
		out, err := c.http.CreateApi(ctx, in)
		if err != nil {
			return deploy.State{}, err
		}
		return deploy.State{PhysicalID: str(out.ApiId), Attrs: map[string]string{"ApiId": str(out.ApiId), "ApiEndpoint": str(out.ApiEndpoint)}}, nil
	}
	out, err := c.http.ImportApi(ctx, &apigatewayv2.ImportApiInput{Body: ptr(document(body)), FailOnWarnings: ptr(r.Props.Get("FailOnWarnings").Text() == "true")})
	if err != nil {
		return deploy.State{}, err
	}
	st := deploy.State{PhysicalID: str(out.ApiId), Attrs: map[string]string{"ApiId": str(out.ApiId), "ApiEndpoint": str(out.ApiEndpoint)}}
	if err := c.apiSettings(ctx, r, st.PhysicalID); err != nil {
		return st, err
	}
	return st, c.tagHTTP(ctx, r, "/apis/"+st.PhysicalID)
}

// apiSettings sets what stands beside an imported document.
func (c *clients) apiSettings(ctx context.Context, r *deploy.Request, id string) error {
	in := &apigatewayv2.UpdateApiInput{}
	b := binding{skip: append([]string{"ProtocolType"}, httpAPIBinding.skip...)}
	if err := b.bind(restored(r, template.M("Description", "", "CorsConfiguration", template.M(), "DisableExecuteApiEndpoint", false)), in); err != nil {
		return err
	}
	empty := apigatewayv2.UpdateApiInput{}
	if *in == empty {
		return nil
	}
	in.ApiId = &id
	_, err := c.http.UpdateApi(ctx, in)
	return err
}

func (c *clients) updateHTTPAPI(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	if body := r.Props.Get("Body"); body != nil && changed(r, "Body", "FailOnWarnings") {
		in := &apigatewayv2.ReimportApiInput{ApiId: &r.PhysicalID, Body: ptr(document(body)), FailOnWarnings: ptr(r.Props.Get("FailOnWarnings").Text() == "true")}
		if _, err := c.http.ReimportApi(ctx, in); err != nil {
			return deploy.State{}, err
		}
	}
	if err := c.apiSettings(ctx, r, r.PhysicalID); err != nil {
		return deploy.State{}, err
	}
	if err := c.tagHTTP(ctx, r, "/apis/"+r.PhysicalID); err != nil {
		return deploy.State{}, err
	}
	return c.httpAPIState(ctx, r.PhysicalID)
}
