package wire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/codec"
	"github.com/leatdev/leat/internal/wire/model"
)

// coral errors belong to AWS's service framework, not to a service.
var coral = map[string]string{
	"SerializationException":              "com.amazon.coral.service#",
	"UnknownOperationException":           "com.amazon.coral.service#",
	"UnrecognizedClientException":         "com.amazon.coral.service#",
	"InvalidSignatureException":           "com.amazon.coral.service#",
	"IncompleteSignatureException":        "com.amazon.coral.service#",
	"MissingAuthenticationTokenException": "com.amazon.coral.service#",
	"ExpiredTokenException":               "com.amazon.coral.service#",
	"AccessDeniedException":               "com.amazon.coral.service#",
	"InternalFailure":                     "com.amazon.coral.service#",
	"ThrottlingException":                 "com.amazon.coral.availability#",
	"ValidationException":                 "com.amazon.coral.validate#",
}

// frameworkOnly are the errors that AWS sends without a message when it has none.
var frameworkOnly = map[string]bool{"SerializationException": true, "UnknownOperationException": true}

// namespaces of the services that send qualified error types.
var namespaces = map[string]string{
	"dynamodb":        "com.amazonaws.dynamodb.v20120810#",
	"dynamodbstreams": "com.amazonaws.dynamodb.v20120810#",
	"sqs":             "com.amazonaws.sqs#",
	"cloudwatch":      "com.amazonaws.cloudwatch#",
}

// errorType is the __type of a JSON or CBOR error.
func (x *exchange) errorType(code string) string {
	if x.svc == nil {
		return code
	}
	ns, qualified := namespaces[x.svc.info.ID]
	if !qualified {
		return code
	}
	if c, ok := coral[code]; ok && x.svc.info.ID != "sqs" {
		return c + code
	}
	return ns + code
}

// status of an error: the one it names, else the model's.
func errorStatus(e *aws.Error, shape *model.Shape) int {
	if e.Status == 0 && shape != nil && shape.ErrorStatus != 0 {
		return shape.ErrorStatus
	}
	return e.HTTPStatus()
}

// failJSON answers in JSON, or in CBOR to clients that speak it.
func (x *exchange) failJSON(e *aws.Error) {
	shape := x.errorShape(e)
	code := e.Code
	if shape != nil {
		code = shape.Name
	}
	h := x.w.Header()
	if x.svc != nil && x.svc.info.QueryCompatible {
		h.Set("x-amzn-query-error", queryCode(e, shape)+";"+faultOf(e, shape))
	}
	status := errorStatus(e, shape)
	body, err := x.appendJSONError(nil, e, shape, code)
	if err != nil {
		x.s.log.Error("error has a member that cannot travel", "code", e.Code, "cause", err)
		body, _ = x.appendJSONError(nil, &aws.Error{Code: e.Code, Message: e.Message}, shape, code)
	}
	if x.proto == protoREST {
		h.Set("X-Amzn-Errortype", code)
	}
	if x.proto == protoAWSCBOR || x.proto == protoRPCCBOR {
		if body, err = codec.JSONToCBOR(nil, body, shape, x.proto == protoRPCCBOR); err != nil {
			body = nil
		}
	}
	x.send(status, x.contentType(), body)
}

// appendJSONError writes {"__type":…,"message":…, members}.
func (x *exchange) appendJSONError(dst []byte, e *aws.Error, shape *model.Shape, code string) ([]byte, error) {
	dst = append(dst, '{')
	if x.proto != protoREST {
		dst = append(codec.AppendString(append(dst, `"__type":`...), x.errorType(code)), ',')
	} else if shape != nil && shape.Member("Type") != nil && e.Fields["Type"] == nil {
		fault := "User"
		if e.HTTPStatus() >= 500 {
			fault = "Service"
		}
		dst = append(codec.AppendString(append(dst, `"Type":`...), fault), ',')
	}
	if e.Message == "" && frameworkOnly[e.Code] {
		return append(dst[:len(dst)-1], '}'), nil
	}
	dst = append(codec.AppendString(dst, messageKey(shape)), ':')
	dst = codec.AppendString(dst, e.Message)
	var err error
	for _, name := range sortedKeys(e.Fields) {
		var m *model.Member
		wire := name
		if shape != nil {
			if m = shape.Member(name); m != nil {
				wire = m.WireOr(name)
			}
		}
		dst = append(codec.AppendString(append(dst, ','), wire), ':')
		if dst, err = codec.AppendMemberJSON(dst, m, e.Fields[name]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

// messageKey spells "message" as the error's shape does.
func messageKey(shape *model.Shape) string {
	if shape != nil {
		for _, m := range shape.Members {
			if strings.EqualFold(m.Name, "message") {
				return m.WireOr(m.Name)
			}
		}
		return "Message"
	}
	return "message"
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// queryCode is an error's code in the query protocol.
func queryCode(e *aws.Error, shape *model.Shape) string {
	if shape != nil && shape.ErrorCode != "" {
		return shape.ErrorCode
	}
	return e.Code
}

func faultOf(e *aws.Error, shape *model.Shape) string {
	if shape != nil && shape.Fault || e.HTTPStatus() >= 500 {
		return "Receiver"
	}
	return "Sender"
}

// failQuery answers with an ErrorResponse document.
func (x *exchange) failQuery(e *aws.Error) {
	shape := x.errorShape(e)
	dst := append([]byte(nil), `<ErrorResponse xmlns="`...)
	ns := "http://webservices.amazon.com/AWSFault/2005-15-09"
	if x.svc != nil && x.svc.info.Namespace != "" {
		ns = x.svc.info.Namespace
	}
	dst = append(append(dst, ns...), `"><Error><Type>`...)
	dst = append(append(dst, faultOf(e, shape)...), "</Type><Code>"...)
	dst = append(codec.AppendXMLText(dst, queryCode(e, shape)), "</Code><Message>"...)
	dst = append(codec.AppendXMLText(dst, e.Message), "</Message>"...)
	for _, name := range sortedKeys(e.Fields) {
		var m *model.Member
		wire := name
		if shape != nil {
			if m = shape.Member(name); m != nil {
				wire = m.WireOr(name)
			}
		}
		if next, err := codec.AppendMemberXML(dst, wire, m, e.Fields[name]); err == nil {
			dst = next
		}
	}
	dst = append(append(dst, "</Error><RequestId>"...), x.req.ID...)
	dst = append(dst, "</RequestId></ErrorResponse>"...)
	x.send(errorStatus(e, shape), typeXML, dst)
}

// cors answers preflight requests and marks replies to browsers; it reports
// whether the request is done.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || s.opts.AllowedOrigin != nil && !s.opts.AllowedOrigin(origin) {
		return false
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-crc32,x-amz-id-2,Date")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS")
	h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	h.Set("Access-Control-Max-Age", "172800")
	w.WriteHeader(http.StatusOK)
	return true
}
