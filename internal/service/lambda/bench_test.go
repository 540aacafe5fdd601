package lambda_test

import (
	"net"
	"net/http"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/wire"
)

// BenchmarkInvokeOverHTTP is a warm synchronous invocation of a Go function
// through the front door, by a client that reuses its connection.
func BenchmarkInvokeOverHTTP(b *testing.B) {
	svc, url := benchService(b)
	_ = svc
	post := func(c *http.Client) error {
		r, err := c.Post(url+"/2015-03-31/functions/f/invocations", "application/json", strings.NewReader(`{"do":"nothing"}`))
		if err == nil {
			err = r.Body.Close()
		}
		return err
	}
	b.Run("sequential", func(b *testing.B) {
		var times []time.Duration
		for b.Loop() {
			began := time.Now()
			if err := post(http.DefaultClient); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(began))
		}
		sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
		b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-µs")
	})
	b.Run("parallel", func(b *testing.B) {
		c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := post(c); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "invokes/s")
	})
}

func benchService(b *testing.B) (*lambda.Service, string) {
	b.Helper()
	svc, err := lambda.New(lambda.Options{Store: kvtest.New(b), Dir: b.TempDir(), CacheDir: cacheDir()})
	if err != nil {
		b.Fatal(err)
	}
	front, err := wire.NewServer(wire.Options{Services: []wire.Service{svc.API()}})
	if err != nil {
		b.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- front.Serve(ln) }()
	b.Cleanup(func() {
		front.Close()
		<-done
		svc.Close()
	})
	url := "http://" + ln.Addr().String()
	folder, err := filepath.Abs("runtime/testdata/go")
	if err != nil {
		b.Fatal(err)
	}
	c := lambdasdk.New(lambdasdk.Options{Region: "us-east-1", BaseEndpoint: &url, Credentials: anyKey})
	_, err = c.CreateFunction(b.Context(), &lambdasdk.CreateFunctionInput{
		FunctionName: awssdk.String("f"), Runtime: types.RuntimeProvidedal2023, Handler: awssdk.String("bootstrap"), Role: awssdk.String(role),
		Code: &types.FunctionCode{S3Bucket: awssdk.String(lambda.FolderBucket), S3Key: awssdk.String(folder)},
	})
	if err != nil {
		b.Fatal(err)
	}
	return svc, url
}
