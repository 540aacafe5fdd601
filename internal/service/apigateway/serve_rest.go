package apigateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
	"github.com/leatdev/leat/internal/policy"
)

// restFront is a deployed REST API on a stage.
type restFront struct {
	api       *restAPI
	variables map[string]string
	tree      node[*restMethod]
	policy    *policy.Document // nil lets everybody in
}

// restMethod is one method, ready to serve.
type restMethod struct {
	resource  types.Resource
	method    types.Method
	validator types.RequestValidator
	models    map[string]*jsonschema.Schema // by media type
}

func compileREST(r kv.Reader, p place, h home, key stageKey) (*front, error) {
	live, err := loadRest(r, p, key.api)
	if err != nil {
		return nil, err
	}
	st, ok := live.Stages[key.stage]
	if !ok {
		return nil, nil
	}
	a, ok, err := record.Load[restAPI](r, deploymentKey(key.api, deref(st.DeploymentId)))
	if err != nil || !ok {
		return nil, err
	}
	rf := &restFront{api: a, variables: st.Variables}
	if rf.policy, err = a.compilePolicy(h, key.api); err != nil {
		return nil, err
	}
	for _, res := range a.Resources {
		for name, m := range res.ResourceMethods {
			rm, err := a.compileMethod(res, m)
			if err != nil {
				return nil, err
			}
			rf.tree.add(*res.Path, name, rm)
		}
	}
	return &front{home: h, api: key.api, stage: key.stage, rest: rf}, nil
}

func (a *restAPI) compileMethod(res types.Resource, m types.Method) (*restMethod, error) {
	rm := &restMethod{resource: res, method: m, validator: a.Validators[deref(m.RequestValidatorId)], models: map[string]*jsonschema.Schema{}}
	if !rm.validator.ValidateRequestBody {
		return rm, nil
	}
	for media, name := range m.RequestModels {
		schema, err := a.compileModel(deref(a.Models[name].Schema))
		if err != nil {
			return nil, err
		}
		rm.models[media] = schema
	}
	return rm, nil
}

// defaultStatus and defaultMessage are the gateway's own answers ("Gateway response types").
var gatewayDefaults = map[types.GatewayResponseType]struct {
	status  int
	message string
	errType string
}{
	types.GatewayResponseTypeMissingAuthenticationToken:   {403, "Missing Authentication Token", "MissingAuthenticationTokenException"},
	types.GatewayResponseTypeUnauthorized:                 {401, "Unauthorized", "UnauthorizedException"},
	types.GatewayResponseTypeAccessDenied:                 {403, "User is not authorized to access this resource", "AccessDeniedException"},
	types.GatewayResponseTypeAuthorizerFailure:            {500, "", "AuthorizerFailureException"},
	types.GatewayResponseTypeAuthorizerConfigurationError: {500, "", "AuthorizerConfigurationException"},
	types.GatewayResponseTypeBadRequestBody:               {400, "Invalid request body", "BadRequestException"},
	types.GatewayResponseTypeBadRequestParameters:         {400, "", "BadRequestException"},
	types.GatewayResponseTypeIntegrationFailure:           {504, "Network error communicating with endpoint", "InternalServerErrorException"},
	types.GatewayResponseTypeIntegrationTimeout:           {504, "Endpoint request timed out", "InternalServerErrorException"},
	types.GatewayResponseTypeApiConfigurationError:        {500, "Internal server error", "InternalServerErrorException"},
	types.GatewayResponseTypeUnsupportedMediaType:         {415, "Unsupported Media Type", "UnsupportedMediaTypeException"},
	types.GatewayResponseTypeDefault5xx:                   {502, "Internal server error", "InternalServerErrorException"},
	types.GatewayResponseTypeRequestTooLarge:              {413, "Request Too Long", "RequestTooLargeException"},
}

// gatewayForms are the bodies that are not {"message":…}: what comes of the integration
// or of a validator has a space, what comes of a policy a capital.
var gatewayForms = map[types.GatewayResponseType]string{
	types.GatewayResponseTypeAccessDenied:          `{"Message":$context.error.messageString}`,
	types.GatewayResponseTypeBadRequestBody:        spacedForm,
	types.GatewayResponseTypeBadRequestParameters:  spacedForm,
	types.GatewayResponseTypeIntegrationFailure:    spacedForm,
	types.GatewayResponseTypeIntegrationTimeout:    spacedForm,
	types.GatewayResponseTypeApiConfigurationError: spacedForm,
	types.GatewayResponseTypeDefault5xx:            spacedForm,
}

const (
	plainForm  = `{"message":$context.error.messageString}`
	spacedForm = `{"message": $context.error.messageString}`
)

// gateway answers in the gateway's own name, in the words the API has for it.
func (c *call) gateway(kind types.GatewayResponseType, message string) {
	d := gatewayDefaults[kind]
	if message == "" {
		message = d.message
	}
	class := types.GatewayResponseTypeDefault4xx
	if d.status >= http.StatusInternalServerError {
		class = types.GatewayResponseTypeDefault5xx
	}
	responses := c.f.rest.api.Responses
	g, own := responses[string(kind)]
	if general, ok := responses[string(class)]; ok && !own {
		g = general
	}
	status := d.status
	if n, ok := number(deref(g.StatusCode)); ok {
		status = n
	}
	for name, value := range g.ResponseParameters {
		if header, ok := strings.CutPrefix(name, "gatewayresponse.header."); ok {
			c.w.Header().Set(header, strings.Trim(value, "'"))
		}
	}
	quoted, _ := json.Marshal(message) // of a string
	text := string(quoted)
	if message == "" {
		text = "null"
	}
	form := cmp.Or(gatewayForms[kind], plainForm)
	if t, ok := g.ResponseTemplates["application/json"]; ok {
		form = t
	}
	body := strings.NewReplacer("$context.error.messageString", text, "$context.error.message", message, "$context.requestId", c.id,
		"$context.error.responseType", string(kind), "$context.stage", c.f.stage, "$context.httpMethod", c.r.Method,
		"$context.apiId", c.f.api, "$context.accountId", c.f.home.Account, "$context.identity.sourceIp", c.sourceIP(),
		"$context.error.validationErrorString", text, "$context.extendedRequestId", c.id[:16]).Replace(form)
	c.w.Header().Set("x-amzn-ErrorType", d.errType)
	writeJSON(c.w, status, body)
}

func (s *Service) serveREST(c *call) {
	rf := c.f.rest
	rm, vars, ok := rf.tree.match(segments(c.path), c.r.Method)
	if !ok {
		c.gateway(types.GatewayResponseTypeMissingAuthenticationToken, "")
		return
	}
	c.w.Header().Set("x-amz-apigw-id", c.id[:16])
	if !c.lets(rm) {
		return
	}
	identity, ok := s.authorizeREST(c, rm, vars)
	if !ok || !c.validate(rm, vars) {
		return
	}
	i := rm.method.MethodIntegration
	switch i.Type {
	case types.IntegrationTypeAwsProxy:
		s.proxyREST(c, rm, vars, identity)
	case types.IntegrationTypeMock:
		c.mock(i)
	default:
		s.forward(c, forwarding{
			uri: deref(i.Uri), method: deref(i.HttpMethod), vars: vars, stageVars: rf.variables, timeoutMillis: int(i.TimeoutInMillis),
			parameters: i.RequestParameters,
			failed: func(timeout bool) {
				if timeout {
					c.gateway(types.GatewayResponseTypeIntegrationTimeout, "")
				} else {
					c.gateway(types.GatewayResponseTypeIntegrationFailure, "")
				}
			},
		})
	}
}

// validate checks what the method's validator says must be checked.
func (c *call) validate(rm *restMethod, vars map[string]string) bool {
	if rm.validator.ValidateRequestParameters {
		if missing := c.missing(rm.method.RequestParameters, vars); len(missing) > 0 {
			c.gateway(types.GatewayResponseTypeBadRequestParameters, "Missing required request parameters: ["+strings.Join(missing, ", ")+"]")
			return false
		}
	}
	if !rm.validator.ValidateRequestBody || len(rm.models) == 0 {
		return true
	}
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		media = "application/json"
	}
	schema := rm.models[media]
	if schema == nil {
		schema = rm.models["$default"]
	}
	if schema == nil {
		return true // AWS validates only the content types that have a model
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.body))
	if err != nil || schema.Validate(doc) != nil {
		c.gateway(types.GatewayResponseTypeBadRequestBody, "")
		return false
	}
	return true
}

// missing lists the required parameters that the request lacks.
func (c *call) missing(parameters map[string]bool, vars map[string]string) []string {
	var out []string
	query := c.r.URL.Query()
	for _, p := range slices.Sorted(maps.Keys(parameters)) {
		if !parameters[p] {
			continue
		}
		kind, name, _ := strings.Cut(strings.TrimPrefix(p, "method.request."), ".")
		present := true
		switch kind {
		case "querystring":
			present = query.Get(name) != ""
		case "header":
			present = c.r.Header.Get(name) != ""
		case "path":
			present = vars[name] != ""
		}
		if !present {
			out = append(out, name)
		}
	}
	return out
}

// mock answers from the integration's own texts.
func (c *call) mock(i *types.Integration) {
	status := "200"
	media, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		media = "application/json"
	}
	template, ok := i.RequestTemplates[media]
	if !ok {
		if deref(i.PassthroughBehavior) == "NEVER" || (deref(i.PassthroughBehavior) == "WHEN_NO_TEMPLATES" && len(i.RequestTemplates) > 0) {
			c.gateway(types.GatewayResponseTypeUnsupportedMediaType, "")
			return
		}
		template = string(c.body) // passed through: the body itself is read as the template's result
		if !static(template) || len(c.body) == 0 {
			template = i.RequestTemplates["application/json"]
		}
	}
	if template != "" {
		if status, err = mockStatus(template); err != nil || status == "" {
			c.gateway(types.GatewayResponseTypeApiConfigurationError, "")
			return
		}
	}
	ir, ok := pickResponse(i.IntegrationResponses, status)
	code, valid := number(deref(ir.StatusCode))
	if !ok || !valid {
		c.gateway(types.GatewayResponseTypeApiConfigurationError, "")
		return
	}
	for name, value := range ir.ResponseParameters {
		if header, ok := strings.CutPrefix(name, "method.response.header."); ok {
			if quoted := strings.TrimSuffix(strings.TrimPrefix(value, "'"), "'"); len(quoted) == len(value)-2 {
				c.w.Header().Set(header, quoted)
			}
		}
	}
	c.w.Header().Set("Content-Type", "application/json")
	c.w.WriteHeader(code)
	_, _ = c.w.Write([]byte(ir.ResponseTemplates["application/json"])) // the caller has gone if this fails
}

// pickResponse takes the response whose selection pattern the status matches, else the default one.
func pickResponse(all map[string]types.IntegrationResponse, status string) (types.IntegrationResponse, bool) {
	var fallback *types.IntegrationResponse
	for _, ir := range sortedValues(all) {
		p := deref(ir.SelectionPattern)
		if p == "" {
			fallback = &ir
		} else if p == status || (strings.HasSuffix(p, `\d{2}`) && strings.HasPrefix(status, p[:1])) {
			return ir, true
		}
	}
	if fallback != nil {
		return *fallback, true
	}
	return types.IntegrationResponse{}, false
}
