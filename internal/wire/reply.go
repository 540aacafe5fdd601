package wire

import (
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/wire/codec"
	"github.com/leatdev/leat/internal/wire/model"
)

// decode reads the input in the client's protocol.
func (x *exchange) decode() error {
	var err error
	switch x.proto {
	case protoQuery:
		x.queueURL()
		err = x.plan.in.DecodeQuery(x.form, x.in)
	case protoREST:
		if err = x.plan.in.BindREST(x.labels, x.query, x.r.Header, x.in); err == nil {
			err = x.plan.in.DecodeRESTBody(x.body, x.in)
		}
	case protoAWSCBOR, protoRPCCBOR:
		err = x.plan.in.DecodeCBOR(x.body, x.in, x.proto == protoRPCCBOR)
	default:
		err = x.plan.in.DecodeJSON(x.body, x.in)
	}
	var malformed *codec.Error
	if errors.As(err, &malformed) {
		return x.malformed(malformed)
	}
	return err
}

func (x *exchange) malformed(e *codec.Error) error {
	if x.proto == protoQuery {
		return aws.Errorf("MalformedInput", "%s", e.Message)
	}
	return aws.Errorf("SerializationException", "%s", e.Message)
}

// queueURL fills in what SQS's query clients say by the path they post to.
func (x *exchange) queueURL() {
	if x.svc.info.ID != "sqs" || x.form.Has("QueueUrl") || strings.Count(x.r.URL.Path, "/") < 2 {
		return
	}
	scheme := "http://"
	if x.r.TLS != nil {
		scheme = "https://"
	}
	x.form.Set("QueueUrl", scheme+x.r.Host+x.r.URL.Path)
}

// reply renders an output.
func (x *exchange) reply(out any) {
	buf := x.s.replies.get(x.plan.replied.Load())
	dst := (*buf)[:0]
	var err error
	switch x.proto {
	case protoREST:
		dst, err = x.replyREST(dst, out)
	case protoQuery:
		if dst, err = x.appendQueryReply(dst, out); err == nil {
			x.send(http.StatusOK, typeXML, dst)
		}
	case protoAWSCBOR, protoRPCCBOR:
		if dst, err = x.plan.out.AppendCBOR(dst, out, x.proto == protoRPCCBOR); err == nil {
			x.send(http.StatusOK, x.contentType(), dst)
		}
	default:
		if dst, err = x.plan.out.AppendJSON(dst, out); err == nil {
			x.send(http.StatusOK, x.contentType(), dst)
		}
	}
	if err != nil {
		x.fail(err)
	}
	x.plan.replied.Store(int64(len(dst)))
	*buf = dst
	x.s.replies.put(buf)
}

func (x *exchange) contentType() string {
	switch x.proto {
	case protoJSON10:
		return typeJSON10
	case protoJSON11:
		return typeJSON11
	case protoAWSCBOR:
		return typeAWSCBOR
	case protoRPCCBOR:
		return typeCBOR
	case protoQuery:
		return typeXML
	}
	return typeJSON
}

func (x *exchange) replyREST(dst []byte, out any) ([]byte, error) {
	h := x.w.Header()
	reply, err := x.plan.out.RenderREST(h, dst, out)
	if err != nil {
		return dst, err
	}
	if reply.Status == 0 {
		if reply.Status = x.plan.op.Status; reply.Status == 0 {
			reply.Status = http.StatusOK
		}
	}
	if reply.Status < 200 || reply.Status > 599 {
		return dst, fmt.Errorf("wire: %s answered with status %d", x.name, reply.Status)
	}
	switch t := h.Get("Content-Type"); {
	case t != "":
		reply.Type = t
	case x.svc.info.ID == "lambda" && reply.Type == typeBytes:
		reply.Type = typeJSON // what functions answer is JSON, say AWS's replies
	}
	if reply.Stream != nil {
		return dst, x.copyStream(reply)
	}
	if reply.Status == http.StatusNoContent {
		reply.Body = nil
	}
	x.send(reply.Status, reply.Type, reply.Body)
	return reply.Body, nil
}

func (x *exchange) copyStream(reply codec.RESTReply) error {
	if c, ok := reply.Stream.(io.Closer); ok {
		defer c.Close()
	}
	x.status = reply.Status
	x.w.Header().Set("Content-Type", reply.Type)
	x.w.WriteHeader(reply.Status)
	n, err := io.Copy(x.w, reply.Stream)
	x.bytesOut = int(n)
	if err != nil {
		x.err = err // the head is gone: all that is left is to break off
		panic(http.ErrAbortHandler)
	}
	return nil
}

// appendQueryReply wraps an output in its Response and Result elements.
func (x *exchange) appendQueryReply(dst []byte, out any) ([]byte, error) {
	dst = append(dst, '<')
	dst = append(append(dst, x.name...), "Response"...)
	dst = append(append(append(dst, ` xmlns="`...), x.svc.info.Namespace...), `">`...)
	wrapper := x.plan.op.Wrapper
	if wrapper == "" && x.plan.op.Output != nil {
		wrapper = x.name + "Result"
	}
	var err error
	if wrapper != "" {
		dst = append(append(append(dst, '<'), wrapper...), '>')
		if dst, err = x.plan.out.AppendXML(dst, out); err != nil {
			return dst, err
		}
		dst = append(append(append(dst, "</"...), wrapper...), '>')
	}
	dst = append(dst, "<ResponseMetadata><RequestId>"...)
	dst = append(append(dst, x.req.ID...), "</RequestId></ResponseMetadata></"...)
	return append(append(dst, x.name...), "Response>"...), nil
}

// send writes a whole reply.
func (x *exchange) send(status int, contentType string, body []byte) {
	h := x.w.Header()
	if contentType != "" {
		x.head(h, "Content-Type", contentType)
	}
	x.serviceHeaders(h, body)
	x.head(h, "Content-Length", strconv.Itoa(len(body)))
	if len(body) > 64<<10 {
		_ = http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(WriteTimeout))
		defer func() { _ = http.NewResponseController(x.w).SetWriteDeadline(time.Time{}) }()
	}
	x.status, x.bytesOut = status, len(body)
	x.w.WriteHeader(status)
	if x.r.Method != http.MethodHead {
		_, _ = x.w.Write(body) // a client that is gone needs no reply
	}
}

// head sets a header of the reply, whose key is canonical.
func (x *exchange) head(h http.Header, key, value string) {
	if x.headed == len(x.heads) {
		h[key] = []string{value}
		return
	}
	x.heads[x.headed] = value
	x.headed++
	h[key] = x.heads[x.headed-1 : x.headed : x.headed]
}

// serviceHeaders adds what single services or protocols send.
func (x *exchange) serviceHeaders(h http.Header, body []byte) {
	if x.proto == protoRPCCBOR {
		x.head(h, "Smithy-Protocol", "rpc-v2-cbor")
	}
	if x.svc == nil {
		return
	}
	switch x.svc.info.ID {
	case "dynamodb", "dynamodbstreams":
		x.head(h, "X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	case "kinesis":
		x.head(h, "X-Amz-Id-2", x.extendedID())
	}
}

func newRequestID() string {
	var b [16]byte
	hi, lo := rand.Uint64(), rand.Uint64()
	for i := range 8 {
		b[i], b[8+i] = byte(hi>>(8*i)), byte(lo>>(8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	var out [36]byte
	hex.Encode(out[0:8], b[0:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// recover turns a handler's panic into an error; http.ErrAbortHandler stays what it is.
func (x *exchange) recover(err *error) {
	p := recover()
	if p == nil {
		return
	}
	if p == http.ErrAbortHandler { //nolint:errorlint // a sentinel by contract
		panic(p)
	}
	*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
}

// fail answers with an error. What is not meant for callers becomes an
// InternalFailure with a short id that is logged with the cause.
func (x *exchange) fail(err error) {
	x.err = err
	e, ok := aws.AsError(err)
	if !ok {
		e = aws.InternalFailure(err)
	}
	if e.HTTPStatus() >= 500 && !gone(e.Cause) {
		id := x.req.ID[:8]
		if e.Code == "InternalFailure" {
			c := *e
			c.Message += " (" + id + ")"
			e = &c
		}
		x.s.log.Error("request failed", "id", id, "service", x.req.Service, "operation", x.req.Operation, "code", e.Code, "cause", e.Cause)
	}
	if x.proto == protoQuery {
		x.failQuery(e)
		return
	}
	x.failJSON(e)
}

// errorShape finds the model's exception for an error.
func (x *exchange) errorShape(e *aws.Error) *model.Shape {
	if x.svc == nil {
		return nil
	}
	m, err := x.svc.load()
	if err != nil {
		return nil
	}
	return m.Error(e.Code)
}
