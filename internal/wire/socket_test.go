package wire_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/leatdev/leat/internal/wire"
	"github.com/leatdev/leat/internal/wire/sigv4"
)

// signedPut is one PutRecord of 1 KiB as bytes of HTTP, signed.
func signedPut(b *testing.B, addr string) []byte {
	b.Helper()
	body := []byte(`{"StreamName":"orders","PartitionKey":"key","Data":"` + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("x"), 1024)) + `"}`)
	r, err := http.NewRequest("POST", "http://"+addr+"/", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "Kinesis_20131202.PutRecord")
	r.Header.Set("User-Agent", "bench")
	key := awssdk.Credentials{AccessKeyID: "AKIDUSER", SecretAccessKey: "user-secret"}
	if err := v4.NewSigner().SignHTTP(context.Background(), key, r, sigv4.HashPayload(body), "kinesis", "us-east-1", time.Now()); err != nil {
		b.Fatal(err)
	}
	var out bytes.Buffer
	if err := r.Write(&out); err != nil {
		b.Fatal(err)
	}
	return out.Bytes()
}

// server is what BenchmarkSocket sends to.
type server interface {
	Serve(ln net.Listener) error
}

// BenchmarkSocket sends signed PutRecords over 64 plain keep-alive connections
// to a bare server, to one that accepts anything (also through net/http), and to one that verifies. The
// CPU time is that of generator and server together.
func BenchmarkSocket(b *testing.B) {
	front := func(opts wire.Options) *wire.Server {
		opts.Services = kinesisService()
		s, err := wire.NewServer(opts)
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	reply := bytes.Repeat([]byte("x"), 115)
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(reply)
	})
	for _, c := range []struct {
		name string
		s    server
	}{
		{"bare", &http.Server{Handler: bare}}, {"net/http", &http.Server{Handler: front(wire.Options{})}},
		{"open", front(wire.Options{})}, {"verified", front(wire.Options{Verify: true, Credentials: keys()})},
	} {
		b.Run(c.name, func(b *testing.B) { flood(b, c.s) })
	}
}

const floodConns = 64

func flood(b *testing.B, s server) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(ln) }()
	b.Cleanup(func() { ln.Close() })
	request := signedPut(b, ln.Addr().String())
	var left atomic.Int64
	left.Store(int64(b.N))
	before := cpu(b)
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for range floodConns {
		wg.Go(func() {
			if err := pump(ln.Addr().String(), request, &left); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
}

func pump(addr string, request []byte, left *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	br := bufio.NewReader(c)
	for left.Add(-1) >= 0 {
		if _, err := c.Write(request); err != nil {
			return err
		}
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			return fmt.Errorf("%d %s %w", res.StatusCode, body, err)
		}
	}
	return nil
}

func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
