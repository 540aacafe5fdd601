package wire

import (
	"context"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// protocol is how a client spoke, and so how it is answered.
type protocol uint8

const (
	protoJSON10 protocol = iota + 1
	protoJSON11
	protoAWSCBOR
	protoRPCCBOR
	protoQuery
	protoREST
)

const (
	typeJSON10  = "application/x-amz-json-1.0"
	typeJSON11  = "application/x-amz-json-1.1"
	typeAWSCBOR = "application/x-amz-cbor-1.1"
	typeCBOR    = "application/cbor"
	typeForm    = "application/x-www-form-urlencoded"
	typeXML     = "text/xml"
	typeJSON    = "application/json"
	typeBytes   = "application/octet-stream"
	typeEvents  = "application/vnd.amazon.eventstream"
)

// exchange is one request on its way through the server.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	start time.Time
	// client ends when the client has left.
	client context.Context
	proto  protocol
	svc    *service
	name   string // of the operation
	op     *operation
	plan   *plans

	labels map[string]string
	query  url.Values
	form   url.Values
	body   []byte

	scope  sigv4.Scope
	signed bool
	req    aws.Request

	in, out  any
	err      error
	status   int
	bytesOut int
	reserved int64 // bytes taken from the server's budget
	lost     bool  // the reply, by a fault

	// The values of the reply's headers, side by side: each alone costs an allocation.
	heads  [5]string
	headed int
}

// identify finds the service, the operation and the protocol. The body is
// needed only for query requests, whose Action is in the form.
func (x *exchange) identify() *aws.Error {
	if !x.namesOperation() {
		if e, ok := x.identifyQuery(); ok {
			return e
		}
	}
	return x.identifyByHead()
}

// namesOperation tells whether the protocol is one of those whose headers name the operation.
func (x *exchange) namesOperation() bool {
	_, rpc := x.rpc()
	return rpc || x.r.Header.Get("X-Amz-Target") != ""
}

// identifyByHead is identify for all that need no body.
func (x *exchange) identifyByHead() *aws.Error {
	if target := x.r.Header.Get("X-Amz-Target"); target != "" {
		return x.identifyTarget(target)
	}
	if rest, ok := x.rpc(); ok {
		return x.identifyRPC(rest)
	}
	return x.identifyREST()
}

// rpc is what the path of an RPC says of the service and the operation.
func (x *exchange) rpc() (rest string, ok bool) {
	if x.r.Header.Get("Smithy-Protocol") == "" {
		return "", false
	}
	return strings.CutPrefix(x.r.URL.Path, "/service/")
}

func (x *exchange) identifyTarget(target string) *aws.Error {
	prefix, name, _ := strings.Cut(target, ".")
	// Target prefixes may hold dots themselves; the operation is the last part.
	if i := strings.LastIndexByte(target, '.'); i >= 0 {
		prefix, name = target[:i], target[i+1:]
	}
	x.proto = protoJSON11
	switch mediaType(x.r.Header.Get("Content-Type")) {
	case typeAWSCBOR:
		x.proto = protoAWSCBOR
	case typeJSON10:
		x.proto = protoJSON10
	}
	if x.svc = x.s.byTarget[prefix]; x.svc == nil {
		return unknownOperation("")
	}
	return x.pick(name)
}

func (x *exchange) identifyRPC(rest string) *aws.Error {
	x.proto = protoRPCCBOR
	prefix, tail, _ := strings.Cut(rest, "/")
	name, ok := strings.CutPrefix(tail, "operation/")
	if x.svc = x.s.byTarget[prefix]; x.svc == nil || !ok {
		return unknownOperation("")
	}
	if p := x.r.Header.Get("Smithy-Protocol"); p != "rpc-v2-cbor" {
		return aws.Errorf("UnknownOperationException", "Protocol %s is not supported.", p)
	}
	return x.pick(name)
}

func (x *exchange) identifyQuery() (e *aws.Error, ok bool) {
	x.query = x.r.URL.Query()
	form := x.query
	if x.r.Method == http.MethodPost && mediaType(x.r.Header.Get("Content-Type")) == typeForm {
		if e := x.readBody(x.s.maxBody(MaxBody)); e != nil {
			x.proto = protoQuery
			return e, true
		}
		plain, e := x.plainBody(x.s.maxBody(MaxBody))
		if e != nil {
			x.proto = protoQuery
			return e, true
		}
		posted, err := url.ParseQuery(string(plain))
		if err != nil {
			x.proto = protoQuery
			return aws.Errorf("MalformedQueryString", "The query string is malformed."), true
		}
		for k, v := range form {
			if _, dup := posted[k]; !dup {
				posted[k] = v
			}
		}
		form = posted
	}
	action := form.Get("Action")
	if action == "" {
		return nil, false
	}
	x.proto, x.form = protoQuery, form
	version := form.Get("Version")
	if x.svc = x.s.byAction[version]; x.svc == nil {
		x.svc = x.byScope(func(svc *service) bool { return x.s.byAction[svc.info.APIVersion] == svc })
	}
	if x.svc == nil {
		return aws.Errorf("InvalidAction", "Could not find operation %s for version %s", action, version), true
	}
	return x.pick(action), true
}

// byScope finds the service that the credential was scoped to.
func (x *exchange) byScope(ok func(*service) bool) *service {
	if !x.signed {
		return nil
	}
	for _, svc := range x.s.services {
		if svc.info.SigningName == x.scope.Service && ok(svc) {
			return svc
		}
	}
	return nil
}

func (x *exchange) identifyREST() *aws.Error {
	x.proto = protoREST
	path := x.r.URL.EscapedPath()
	for _, svc := range x.s.rest {
		if x.signed && svc.info.SigningName != x.scope.Service {
			continue
		}
		rt, err := svc.routes()
		if err != nil {
			return aws.InternalFailure(err)
		}
		if route, labels := rt.find(x.r.Method, path, x.query); route != nil {
			x.svc, x.labels, x.query = svc, labels, route.free(x.query)
			return x.pick(route.op.Name)
		}
	}
	return aws.StatusErrorf(http.StatusNotFound, "UnknownOperationException", "No operation matches %s %s.", x.r.Method, x.r.URL.Path)
}

// pick finds the handler of an operation.
func (x *exchange) pick(name string) *aws.Error {
	if x.op = x.svc.ops[name]; x.op != nil {
		x.name = name
		return nil
	}
	if x.proto == protoQuery {
		return aws.Errorf("InvalidAction", "The action %s is not valid for this web service.", name)
	}
	m, err := x.svc.load()
	if err == nil && m.Operations[name] != nil {
		return unknownOperation("The operation " + x.svc.info.ID + ":" + name + " is not served here.")
	}
	return unknownOperation("")
}

func unknownOperation(message string) *aws.Error {
	return &aws.Error{Code: "UnknownOperationException", Message: message}
}

// mediaType is the type of a Content-Type header without its parameters.
func mediaType(header string) string {
	switch header {
	case typeJSON11, typeJSON10, typeAWSCBOR, typeCBOR, typeForm, typeJSON, "":
		return header
	}
	t, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return t
}
