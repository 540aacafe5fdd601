package s3_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	leataws "github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/s3"
)

const publicRead = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`

func TestABucketPolicySpeaksOfItsBucketAndOfS3Only(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	for _, c := range []struct{ from, to, want string }{
		{"photos/*", "other/*", "Policy has invalid resource"},
		{"arn:aws:s3:::photos/*", "arn:aws:sqs:us-east-1:000000000000:photos", "Policy has invalid resource"},
		{"photos/*", "photos2", "Policy has invalid resource"},
		{"s3:GetObject", "sqs:SendMessage", "Policy has invalid action"},
		{`"Principal":"*",`, ``, "Missing required field Principal"},
		{`"Statement"`, `"Statements"`, "Missing required field Statement"},
		{"}]}", "}]", "Policies must be valid JSON and the first byte must be '{'"},
	} {
		text := strings.Replace(publicRead, c.from, c.to, 1)
		_, err := w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &text})
		wantCode(t, err, "MalformedPolicy")
		if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", text, err, c.want)
		}
	}
	for _, good := range []string{"photos", "photos/*", "photos/a/${aws:username}/*", "photo?/*"} {
		text := strings.Replace(publicRead, "photos/*", good, 1)
		if _, err := w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &text}); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestAPublicAccessBlockRefusesPublicPolicies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	block := func(c types.PublicAccessBlockConfiguration) {
		t.Helper()
		if _, err := w.client.PutPublicAccessBlock(ctx(), &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &c}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(text string) error {
		_, err := w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &text})
		return err
	}
	block(types.PublicAccessBlockConfiguration{BlockPublicPolicy: aws.Bool(true)})
	got, err := w.client.GetPublicAccessBlock(ctx(), &sdk.GetPublicAccessBlockInput{Bucket: &b})
	if c := got.PublicAccessBlockConfiguration; err != nil || !*c.BlockPublicPolicy || *c.BlockPublicAcls || *c.IgnorePublicAcls || *c.RestrictPublicBuckets {
		t.Fatalf("what was not set is false: %+v %v", c, err)
	}
	wantCode(t, put(publicRead), "AccessDenied")
	if err := put(strings.Replace(publicRead, `"*"`, `{"AWS":"123456789012"}`, 1)); err != nil {
		t.Fatalf("a policy for one account: %v", err)
	}
	block(types.PublicAccessBlockConfiguration{})
	if err := put(publicRead); err != nil {
		t.Fatal(err)
	}
}

func TestAnybodyReadsAPublicObjectByPathUnlessTheBucketIsRestricted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.opts.Authorize = func(_ context.Context, q s3.Question) error {
		if q.Signed || strings.Contains(q.Policy, `"Principal":"*"`) {
			return nil
		}
		return &leataws.Error{Code: "AccessDenied", Status: http.StatusForbidden}
	}
	w.restart()
	b := w.bucket("photos")
	w.put(b, "a/1.jpg", []byte("hello"))
	status := func(method, path string, header ...string) int {
		t.Helper()
		r, err := http.NewRequest(method, w.server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		return res.StatusCode
	}
	want := func(what string, got, want int) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	want("no policy", status("GET", "/photos/a/1.jpg"), http.StatusForbidden)
	if _, err := w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: aws.String(publicRead)}); err != nil {
		t.Fatal(err)
	}
	want("public", status("GET", "/photos/a/1.jpg"), http.StatusOK)
	want("public, its head", status("HEAD", "/photos/a/1.jpg"), http.StatusOK)
	want("no such key", status("GET", "/photos/a/2.jpg"), http.StatusNotFound)
	for _, other := range [][]string{{"/nothing/a/1.jpg"}, {"/photos/a/1.jpg?Action=ListQueues"}, {"/photos/a/1.jpg", "X-Amz-Target", "Kinesis_20131202.ListStreams"}} {
		if got := status("GET", other[0], other[1:]...); got == http.StatusOK {
			t.Errorf("%v is not object storage's, and was answered", other)
		}
	}
	want("a form", status("POST", "/photos", "Content-Type", "multipart/form-data; boundary=x"), http.StatusNotImplemented)
	if _, err := w.client.PutPublicAccessBlock(ctx(), &sdk.PutPublicAccessBlockInput{Bucket: &b, PublicAccessBlockConfiguration: &types.PublicAccessBlockConfiguration{RestrictPublicBuckets: aws.Bool(true)}}); err != nil {
		t.Fatal(err)
	}
	want("restricted", status("GET", "/photos/a/1.jpg"), http.StatusForbidden)
	if got := w.get(b, "a/1.jpg"); string(got) != "hello" {
		t.Fatalf("the owner is not restricted: %q", got)
	}
}

// botocore asks before every body, also an empty one, and takes a final reply that it got instead of the answer for
// the next reply on the connection, too.
func TestWhoAsksBeforeAnEmptyBodyIsToldToContinue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	p, err := sdk.NewPresignClient(w.client).PresignPutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("empty")})
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(w.server.URL, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for _, target := range []string{strings.TrimPrefix(p.URL, w.server.URL), "/photos/unsigned", "/nothing"} {
		fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n", target, host)
		res, err := http.ReadResponse(answers, nil)
		if err != nil || res.StatusCode != http.StatusContinue {
			t.Fatalf("%s: %v %v", target, res, err)
		}
		if res, err = http.ReadResponse(answers, nil); err != nil || res.StatusCode == http.StatusContinue {
			t.Fatalf("%s: %v %v", target, res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	if got := w.get(b, "empty"); len(got) != 0 {
		t.Fatalf("%q", got)
	}
}
