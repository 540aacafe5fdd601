package systemtest_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigatewayv2"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/leatdev/leat/leattest"
)

// deployNoAPIs checks the lists of both kinds of APIs, and of buckets.
func deployNoAPIs(t *testing.T, p *leattest.Platform) {
	t.Helper()
	rest, err := apigateway.NewFromConfig(p.Config()).GetRestApis(t.Context(), &apigateway.GetRestApisInput{})
	if err != nil {
		t.Fatal(err)
	}
	deployEmpty(t, "REST APIs", len(rest.Items), nil)
	apis, err := apigatewayv2.NewFromConfig(p.Config()).GetApis(t.Context(), &apigatewayv2.GetApisInput{})
	if err != nil {
		t.Fatal(err)
	}
	deployEmpty(t, "HTTP APIs", len(apis.Items), nil)
	buckets, err := s3.NewFromConfig(p.Config(), func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil {
		t.Fatal(err)
	}
	deployEmpty(t, "buckets", len(buckets.Buckets), nil)
}
