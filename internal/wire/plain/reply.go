package plain

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// errLength is what a reply without a declared length gets for writing a body.
var errLength = errors.New("plain: a reply with a body must declare its Content-Length")

// reply is the http.ResponseWriter of a connection. What fits the buffer leaves in one write when
// the call has returned; the rest of a larger one leaves as it is written.
type reply struct {
	c        *conn
	header   http.Header
	out      *[]byte // the head and as much of the body as fits; nil before the head
	status   int
	declared int64 // bytes of the body
	written  int64
	last     bool // the connection ends with it
	timed    bool // a write deadline is set
	err      error
}

func (r *reply) begin() {
	r.status, r.declared, r.written, r.last, r.timed, r.err = 0, 0, 0, false, false, nil
}

// drop forgets what has not left.
func (r *reply) drop() {
	if r.out != nil {
		*r.out = (*r.out)[:0]
		r.c.s.outs.Put(r.out)
		r.out = nil
	}
}

// Header implements http.ResponseWriter.
func (r *reply) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *reply) WriteHeader(status int) {
	if r.status != 0 {
		r.c.s.logger().Printf("plain: superfluous WriteHeader(%d)", status)
		return
	}
	if status < http.StatusOK || status > 999 {
		panic(fmt.Sprintf("plain: invalid status %d", status))
	}
	r.status = status
	if cl := r.header["Content-Length"]; len(cl) == 1 && hasBody(status) {
		r.declared = length([]byte(cl[0]))
	}
	if r.declared < 0 {
		r.declared, r.err = 0, errLength
	}
	r.last = r.c.s.closing.Load() || r.c.body.unread() || r.header.Get("Connection") == "close"
	r.out = r.c.s.outs.Get().(*[]byte)
	*r.out = r.appendHead((*r.out)[:0])
}

func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (r *reply) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	switch {
	case r.err != nil:
		return 0, r.err
	case !hasBody(r.status):
		return 0, http.ErrBodyNotAllowed
	case r.declared == 0 && r.header["Content-Length"] == nil:
		r.err = errLength
		return 0, r.err
	case int64(len(p)) > r.declared-r.written:
		r.err = http.ErrContentLength
		return 0, r.err
	}
	r.written += int64(len(p))
	if len(*r.out)+len(p) <= cap(*r.out) {
		*r.out = append(*r.out, p...)
		return len(p), nil
	}
	return r.writeThrough(p)
}

// writeThrough sends what is buffered and p, without copying p.
func (r *reply) writeThrough(p []byte) (int, error) {
	held := len(*r.out)
	bufs := net.Buffers{*r.out, p}
	n, err := bufs.WriteTo(r.c.nc)
	*r.out = (*r.out)[:0]
	if err != nil {
		r.err = err
		r.c.gone()
	}
	return int(max(n-int64(held), 0)), err
}

// finish sends what is left, and tells whether the connection can take another request.
func (r *reply) finish() bool {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if r.err == nil && r.written != r.declared {
		r.err = http.ErrContentLength
	}
	if len(*r.out) > 0 {
		if _, err := r.c.nc.Write(*r.out); err != nil {
			r.err = err
		}
	}
	r.drop()
	clear(r.header) // an idle connection must not hold what the call held
	if r.timed {
		_ = r.c.nc.SetWriteDeadline(time.Time{})
	}
	return r.err == nil && !r.last && r.c.body.left == 0
}

// SetReadDeadline is for http.ResponseController. Nothing is set where nothing will be read.
func (r *reply) SetReadDeadline(t time.Time) error {
	if r.c.body.buffered() {
		return nil
	}
	r.c.armed = callDeadline
	return r.c.nc.SetReadDeadline(t)
}

// SetWriteDeadline is for http.ResponseController.
func (r *reply) SetWriteDeadline(t time.Time) error {
	r.timed = !t.IsZero()
	return r.c.nc.SetWriteDeadline(t)
}

// maxReplyKeys is how many headers are sorted without an allocation.
const maxReplyKeys = 16

// appendHead writes the head as net/http does: the handler's headers sorted, then its own.
func (r *reply) appendHead(dst []byte) []byte {
	if r.status == http.StatusOK {
		dst = append(dst, "HTTP/1.1 200 OK\r\n"...)
	} else {
		dst = appendStatus(dst, r.status)
	}
	var array [maxReplyKeys]string
	names := array[:0]
	for key := range r.header {
		if sendable(key) && (hasBody(r.status) || key != "Content-Length" && key != "Content-Type") {
			names = append(names, key)
		}
	}
	sort(names)
	for _, key := range names {
		for _, value := range r.header[key] {
			dst = append(append(dst, key...), ": "...)
			dst = append(appendValue(dst, value), "\r\n"...)
		}
	}
	if r.header["Date"] == nil {
		dst = r.c.s.appendDate(dst)
	}
	if r.header["Content-Length"] == nil && hasBody(r.status) {
		dst = append(dst, "Content-Length: 0\r\n"...)
	}
	if r.last && r.header.Get("Connection") != "close" {
		dst = append(dst, "Connection: close\r\n"...)
	}
	return append(dst, "\r\n"...)
}

func appendStatus(dst []byte, status int) []byte {
	dst = strconv.AppendInt(append(dst, "HTTP/1.1 "...), int64(status), 10)
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	return append(append(append(dst, ' '), text...), "\r\n"...)
}

// sort orders a handful of names.
func sort(names []string) {
	for i := 1; i < len(names); i++ {
		for j := i; j > 0 && names[j] < names[j-1]; j-- {
			names[j], names[j-1] = names[j-1], names[j]
		}
	}
}

// sendable tells whether a header's name may be sent; Connection's other words are ours to say.
func sendable(key string) bool {
	for i := range len(key) {
		if !letterOrDigit(key[i]) && key[i] != '-' && key[i] != '_' {
			return false
		}
	}
	return key != "" && key != "Transfer-Encoding"
}

// appendValue writes a header's value; line ends in it become spaces.
func appendValue(dst []byte, value string) []byte {
	value = strings.Trim(value, " \t\r\n")
	from := len(dst)
	dst = append(dst, value...)
	for i := from; i < len(dst); i++ {
		if dst[i] == '\r' || dst[i] == '\n' {
			dst[i] = ' '
		}
	}
	return dst
}

// dateLine is the Date header of a second.
type dateLine struct {
	second int64
	text   []byte
}

func (s *Server) appendDate(dst []byte) []byte {
	now := time.Now()
	d := s.date.Load()
	if d == nil || d.second != now.Unix() {
		d = &dateLine{now.Unix(), now.UTC().AppendFormat([]byte("Date: "), http.TimeFormat)}
		d.text = append(d.text, "\r\n"...)
		s.date.Store(d)
	}
	return append(dst, d.text...)
}
