package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Limits of a reply. A server that goes beyond them is broken, and the measurement fails.
const (
	maxHeaderLines = 100
	maxLine        = 16 << 10
	// maxReplyBody is above the largest reply of any API, 10 MiB of records in base64.
	maxReplyBody = 32 << 20
	// callTimeout bounds one call, so that a server which hangs fails the run.
	callTimeout = 60 * time.Second
)

// ErrReply is returned for bytes that are not a reply of HTTP/1.1.
var ErrReply = errors.New("malformed reply")

// Reply is what a server answered. Body is valid until the next call on the same connection.
type Reply struct {
	Status int
	Body   []byte
	// Close is set when the server will not take another request on the connection.
	Close bool
}

// Conn is one keep-alive connection. It belongs to one goroutine.
type Conn struct {
	nc  net.Conn
	br  *bufio.Reader
	buf []byte
	// calls since the deadline was moved: moving it costs more than some replies.
	calls int
	stop  func() bool
}

// Dial connects; the connection ends with ctx.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{nc: nc, br: bufio.NewReaderSize(nc, maxLine)}
	c.stop = context.AfterFunc(ctx, func() { _ = nc.Close() })
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() error {
	c.stop()
	return c.nc.Close()
}

// deadlineEvery is how many calls go by before the deadline is moved.
const deadlineEvery = 32

// Do writes a whole request and reads its reply.
func (c *Conn) Do(request []byte) (Reply, error) {
	if c.calls%deadlineEvery == 0 {
		if err := c.nc.SetDeadline(time.Now().Add(callTimeout)); err != nil {
			return Reply{}, err
		}
	}
	c.calls++
	if _, err := c.nc.Write(request); err != nil {
		return Reply{}, err
	}
	r, err := readReply(c.br, c.buf[:0])
	c.buf = r.Body
	if err == nil && r.Close {
		err = fmt.Errorf("the server closes the connection after status %d: %.300s", r.Status, r.Body)
	}
	return r, err
}

// readReply reads one reply; its body is appended to buf.
func readReply(br *bufio.Reader, buf []byte) (Reply, error) {
	line, err := readLine(br)
	if err != nil {
		return Reply{Body: buf}, err
	}
	status, ok := parseStatus(line)
	if !ok {
		return Reply{Body: buf}, fmt.Errorf("%w: status line %.80q", ErrReply, line)
	}
	r := Reply{Status: status, Body: buf}
	length, chunked, err := r.readHeader(br)
	if err != nil {
		return r, err
	}
	switch {
	case status == 204 || status == 304:
	case chunked:
		r.Body, err = readChunks(br, r.Body)
	case length < 0:
		err = fmt.Errorf("%w: neither a length nor chunks", ErrReply)
	default:
		r.Body, err = readN(br, r.Body, length)
	}
	return r, err
}

// parseStatus reads `HTTP/1.1 200 OK`.
func parseStatus(line []byte) (int, bool) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 || (len(rest) > 3 && rest[3] != ' ') {
		return 0, false
	}
	n := 0
	for _, c := range rest[:3] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, n >= 200 && n <= 599
}

// readHeader reads the fields up to the empty line; length is -1 when none is given.
func (r *Reply) readHeader(br *bufio.Reader) (length int, chunked bool, err error) {
	length = -1
	for range maxHeaderLines {
		line, err := readLine(br)
		if err != nil {
			return 0, false, err
		}
		if len(line) == 0 {
			return length, chunked, nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 {
			return 0, false, fmt.Errorf("%w: header line %.80q", ErrReply, line)
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			n, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || n > maxReplyBody {
				return 0, false, fmt.Errorf("%w: length %.80q", ErrReply, value)
			}
			length = int(n)
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("Connection")):
			r.Close = bytes.EqualFold(value, []byte("close"))
		}
	}
	return 0, false, fmt.Errorf("%w: more than %d header lines", ErrReply, maxHeaderLines)
}

func readChunks(br *bufio.Reader, buf []byte) ([]byte, error) {
	start := len(buf)
	for {
		line, err := readLine(br)
		if err != nil {
			return buf, err
		}
		size, _, _ := bytes.Cut(line, []byte(";"))
		n, err := strconv.ParseUint(string(bytes.TrimSpace(size)), 16, 31)
		if err != nil || int(n)+len(buf)-start > maxReplyBody {
			return buf, fmt.Errorf("%w: chunk size %.80q", ErrReply, line)
		}
		if n == 0 {
			return buf, skipTrailer(br)
		}
		if buf, err = readN(br, buf, int(n)); err != nil {
			return buf, err
		}
		if line, err = readLine(br); err != nil || len(line) != 0 {
			return buf, errors.Join(fmt.Errorf("%w: no line end behind a chunk", ErrReply), err)
		}
	}
}

func skipTrailer(br *bufio.Reader) error {
	for range maxHeaderLines {
		line, err := readLine(br)
		if err != nil || len(line) == 0 {
			return err
		}
	}
	return fmt.Errorf("%w: more than %d trailer lines", ErrReply, maxHeaderLines)
}

// readN appends n bytes to buf.
func readN(br *bufio.Reader, buf []byte, n int) ([]byte, error) {
	// What is claimed is not believed before it arrives.
	const step = 4 << 20
	for n > 0 {
		part, at := min(n, step), len(buf)
		if cap(buf)-at < part {
			buf = append(make([]byte, 0, max(2*cap(buf), at+part)), buf...)
		}
		buf = buf[:at+part]
		if _, err := io.ReadFull(br, buf[at:]); err != nil {
			return buf[:at], fmt.Errorf("%w: the body ends early: %w", ErrReply, err)
		}
		n -= part
	}
	return buf, nil
}

// readLine is the next line without its end; it is valid until the next read.
func readLine(br *bufio.Reader) ([]byte, error) {
	line, err := br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("%w: a line of more than %d bytes", ErrReply, maxLine)
	}
	if err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
}
