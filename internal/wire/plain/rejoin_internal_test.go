package plain

import (
	"bytes"
	"io"
	"net"
	"testing"
)

func TestARejoinedConnectionBeginsWithWhatWasRead(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for name, read := range map[string]func(net.Conn) ([]byte, error){
		"reading": func(c net.Conn) ([]byte, error) { return io.ReadAll(struct{ io.Reader }{c}) },
		"copying": func(c net.Conn) ([]byte, error) {
			var b bytes.Buffer
			_, err := c.(io.WriterTo).WriteTo(&b)
			return b.Bytes(), err
		},
	} {
		near, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(near, "cdef")
		near.Close()
		got, err := read(rejoin(far, []byte("ab")))
		if err != nil || string(got) != "abcdef" {
			t.Errorf("%s: %q %v", name, got, err)
		}
		far.Close()
	}
	if rejoin(nil, nil) != nil {
		t.Error("a connection nothing of which was read is wrapped")
	}
}
