package apigateway

// Absent lists what of API Gateway is not here.
var Absent = map[string]string{
	"WebSocket APIs":                  "Refused by CreateApi: no service here pushes to browsers.",
	"general mapping templates (VTL)": "Refused by PutIntegration and PutIntegrationResponse: MOCK's static templates work, functions do the rest.",
	"direct service integrations (type AWS, IntegrationSubtype)":         "Refused: use a function.",
	"JWT and Cognito authorizers, AWS_IAM authorization":                 "Refused: use a Lambda authorizer.",
	"usage plans and API keys (CreateUsagePlan, CreateApiKey, …)":        "Refused where a method asks for a key.",
	"custom domain names and mappings (CreateDomainName, …)":             "APIs are reached by path or by host of localhost.",
	"VPC links (CreateVpcLink, …)":                                       "There is no VPC.",
	"documentation parts and versions, SDK generation, GetModelTemplate": "Nothing here would read them.",
	"client certificates":                                                       "HTTP integrations present none.",
	"GetExport, ExportApi":                                                      "The document that was imported is the source.",
	"TestInvokeMethod, TestInvokeAuthorizer":                                    "Call the stage.",
	"FlushStageCache, cache clusters, canaries":                                 "There is no response cache; one deployment serves a stage.",
	"UpdateGatewayResponse, UpdateMethodResponse, UpdateIntegrationResponse":    "Put replaces the whole.",
	"portals, products, routing rules, route responses, models of v2":           "WebSocket and portal features.",
	"DeleteRouteSettings, DeleteAccessLogSettings, DeleteRouteRequestParameter": "Settings are replaced by Update.",
}
