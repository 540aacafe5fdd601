package aws_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/leatdev/leat/internal/aws"
)

func TestARNs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		want aws.ARN
	}{
		{"arn:aws:kinesis:us-east-1:000000000000:stream/s", aws.ARN{Partition: "aws", Service: "kinesis", Region: "us-east-1", Account: "000000000000", Resource: "stream/s"}},
		{"arn:aws:iam::1:role/a/b", aws.ARN{Partition: "aws", Service: "iam", Region: "", Account: "1", Resource: "role/a/b"}},
		{"arn:aws:lambda:eu-west-1:1:function:f:live", aws.ARN{Partition: "aws", Service: "lambda", Region: "eu-west-1", Account: "1", Resource: "function:f:live"}},
		{"arn:aws:s3:::bucket/key:with:colons", aws.ARN{Partition: "aws", Service: "s3", Region: "", Account: "", Resource: "bucket/key:with:colons"}},
	} {
		got, err := aws.ParseARN(c.text)
		if err != nil || got != c.want || got.String() != c.text {
			t.Errorf("ParseARN(%q) = %+v, %v, again %q", c.text, got, err, got)
		}
	}
	for _, bad := range []string{"", "arn", "arn:aws:s3:::", "urn:aws:s3:::b", "arn::s3:::b", "arn:aws::::b", "arn:aws:s3:us-east-1:1"} {
		if got, err := aws.ParseARN(bad); err == nil {
			t.Errorf("ParseARN(%q) = %+v", bad, got)
		}
	}
}

func TestPartitionsFollowTheRegion(t *testing.T) {
	t.Parallel()
	for region, want := range map[string]string{"us-east-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov", "": "aws"} {
		if got := aws.NewARN("sqs", region, "1", "q"); got.Partition != want {
			t.Errorf("%s: %s", region, got)
		}
	}
}

func FuzzParseARN(f *testing.F) {
	f.Add("arn:aws:kinesis:us-east-1:000000000000:stream/s")
	f.Add("arn:aws:s3:::b:c")
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := aws.ParseARN(s); err == nil && a.String() != s {
			t.Errorf("%q became %q", s, a)
		}
	})
}

func TestErrors(t *testing.T) {
	t.Parallel()
	cause := io.ErrUnexpectedEOF
	for _, c := range []struct {
		err    *aws.Error
		code   string
		status int
	}{
		{aws.Errorf("Some", "n = %d", 5), "Some", 400},
		{aws.StatusErrorf(404, "Gone", "x"), "Gone", 404},
		{aws.ValidationException("x"), "ValidationException", 400},
		{aws.AccessDenied("x"), "AccessDeniedException", 403},
		{aws.InternalFailure(cause), "InternalFailure", 500},
		{aws.StorageFull(cause), "ServiceUnavailable", 503},
		{aws.StorageFailed(cause), "ServiceUnavailable", 503},
	} {
		wrapped := fmt.Errorf("outer: %w", c.err)
		if !aws.IsCode(wrapped, c.code) || aws.IsCode(wrapped, "Other") || c.err.HTTPStatus() != c.status {
			t.Errorf("%v: code %s status %d", c.err, c.err.Code, c.err.HTTPStatus())
		}
	}
	if got := aws.Errorf("Some", "n = %d", 5).Error(); got != "Some: n = 5" {
		t.Error(got)
	}
	if got := (&aws.Error{Code: "Bare"}).Error(); got != "Bare" {
		t.Error(got)
	}
	if !errors.Is(aws.InternalFailure(cause), cause) {
		t.Error("the cause is lost")
	}
	if _, ok := aws.AsError(cause); ok || aws.IsCode(nil, "") {
		t.Error("a foreign error passes for ours")
	}
}

func TestWithAddsAMemberAndLeavesTheOriginal(t *testing.T) {
	t.Parallel()
	one := aws.Errorf("C", "m").With("Item", 1)
	two := one.With("Reasons", 2)
	if len(one.Fields) != 1 || len(two.Fields) != 2 || two.Fields["Item"] != 1 || two.Code != "C" {
		t.Errorf("%v, %v", one.Fields, two.Fields)
	}
}

func TestAContextWithoutARequestSpeaksForTheAdministrator(t *testing.T) {
	t.Parallel()
	r := aws.RequestFrom(context.Background())
	if r.Account() != aws.DefaultAccount || r.Region != aws.DefaultRegion || !r.Caller.Admin {
		t.Errorf("%+v", r)
	}
	if got := r.ARN("sqs", "q").String(); got != "arn:aws:sqs:us-east-1:000000000000:q" {
		t.Error(got)
	}
}

func TestWorkOnBehalfOfAnAccountIsItsRoots(t *testing.T) {
	t.Parallel()
	outer := aws.WithRequest(t.Context(), &aws.Request{ID: "outer", Caller: aws.Caller{Account: "1", RoleARN: "r"}})
	r := aws.RequestFrom(aws.Internal(outer, "123456789012", "cn-north-1"))
	if r.ID != "" || r.Caller.RoleARN != "" || !r.Caller.Admin || r.Region != "cn-north-1" || r.Caller.ARN != "arn:aws-cn:iam::123456789012:root" {
		t.Errorf("%+v", r)
	}
	if got := aws.RequestFrom(outer).ID; got != "outer" {
		t.Errorf("the outer request became %q", got)
	}
}
