package s3_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

func TestNotificationsReachTheirTargetsAndSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	queue, fn := "arn:aws:sqs:us-east-1:000000000000:q", "arn:aws:lambda:us-east-1:000000000000:function:f"
	_, err := w.client.PutBucketNotificationConfiguration(ctx(), &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{
		QueueConfigurations:          []types.QueueConfiguration{{Id: aws.String("pictures"), QueueArn: &queue, Events: []types.Event{"s3:ObjectCreated:*"}, Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "suffix", Value: aws.String(".jpg")}}}}}},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{LambdaFunctionArn: &fn, Events: []types.Event{"s3:ObjectRemoved:Delete"}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	w.put(b, "a b/1.jpg", []byte("x"))
	w.put(b, "a.png", []byte("x"))
	if err := w.s.DeleteObject(ctx(), b, "a.png"); err != nil {
		t.Fatal(err)
	}
	for {
		w.mu.Lock()
		events := strings.Join(w.events, "\n")
		w.mu.Unlock()
		if strings.Contains(events, queue+` {"Service":"Amazon S3","Event":"s3:TestEvent"`) && strings.Contains(events, `"key":"a+b/1.jpg"`) && strings.Contains(events, `"configurationId":"pictures"`) && strings.Contains(events, fn+" ") && strings.Contains(events, `"eventName":"ObjectRemoved:Delete"`) {
			if strings.Count(events, "\n") != 2 {
				t.Fatal(events)
			}
			break
		}
		<-w.news
	}
	got, err := w.client.GetBucketNotificationConfiguration(ctx(), &sdk.GetBucketNotificationConfigurationInput{Bucket: &b})
	if err != nil || len(got.QueueConfigurations) != 1 || len(got.LambdaFunctionConfigurations) != 1 || *got.QueueConfigurations[0].QueueArn != queue ||
		*got.QueueConfigurations[0].Id != "pictures" || *got.LambdaFunctionConfigurations[0].Id == "" {
		t.Fatalf("%+v %v", got, err)
	}
}

func TestBucketsAndTheirConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	w.bucket("photos") // one's own again, in us-east-1
	_, err := w.client.CreateBucket(ctx(), &sdk.CreateBucketInput{Bucket: aws.String("Photos_1")})
	wantCode(t, err, "InvalidBucketName")
	_, err = w.client.GetBucketPolicy(ctx(), &sdk.GetBucketPolicyInput{Bucket: &b})
	wantCode(t, err, "NoSuchBucketPolicy")
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}`
	if _, err = w.client.PutBucketPolicy(ctx(), &sdk.PutBucketPolicyInput{Bucket: &b, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	w.restart()
	p, err := w.client.GetBucketPolicy(ctx(), &sdk.GetBucketPolicyInput{Bucket: &b})
	if err != nil || *p.Policy != policy {
		t.Fatalf("%v %v", p, err)
	}
	st, err := w.client.GetBucketPolicyStatus(ctx(), &sdk.GetBucketPolicyStatusInput{Bucket: &b})
	if err != nil || !*st.PolicyStatus.IsPublic {
		t.Fatalf("%v %v", st, err)
	}
	_, err = w.client.PutBucketVersioning(ctx(), &sdk.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}})
	wantCode(t, err, "NotImplemented")
	if v, err := w.client.GetBucketVersioning(ctx(), &sdk.GetBucketVersioningInput{Bucket: &b}); err != nil || v.Status != "" {
		t.Fatalf("%v %v", v, err)
	}
	if _, err := w.client.PutBucketLifecycleConfiguration(ctx(), &sdk.PutBucketLifecycleConfigurationInput{Bucket: &b, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: []types.LifecycleRule{{ID: aws.String("r"), Status: types.ExpirationStatusEnabled, Filter: &types.LifecycleRuleFilter{Prefix: aws.String("x")}, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}}}}); err != nil {
		t.Fatal(err)
	}
	if l, err := w.client.GetBucketLifecycleConfiguration(ctx(), &sdk.GetBucketLifecycleConfigurationInput{Bucket: &b}); err != nil || len(l.Rules) != 1 || *l.Rules[0].Expiration.Days != 1 {
		t.Fatalf("%v %v", l, err)
	}
	if e, err := w.client.GetBucketEncryption(ctx(), &sdk.GetBucketEncryptionInput{Bucket: &b}); err != nil || e.ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.SSEAlgorithm != "AES256" {
		t.Fatalf("%v %v", e, err)
	}
	if _, err := w.client.PutBucketTagging(ctx(), &sdk.PutBucketTaggingInput{Bucket: &b, Tagging: &types.Tagging{TagSet: []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}}}); err != nil {
		t.Fatal(err)
	}
	if tags, err := w.client.GetBucketTagging(ctx(), &sdk.GetBucketTaggingInput{Bucket: &b}); err != nil || *tags.TagSet[0].Value != "1" {
		t.Fatalf("%v %v", tags, err)
	}
	if loc, err := w.client.GetBucketLocation(ctx(), &sdk.GetBucketLocationInput{Bucket: &b}); err != nil || loc.LocationConstraint != "" {
		t.Fatalf("%v %v", loc, err)
	}
	w.put(b, "k", []byte("x"))
	_, err = w.client.DeleteBucket(ctx(), &sdk.DeleteBucketInput{Bucket: &b})
	wantCode(t, err, "BucketNotEmpty")
	if err := w.s.DeleteObject(ctx(), b, "k"); err != nil {
		t.Fatal(err)
	}
	if _, err = w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("k")}); err != nil {
		t.Fatal(err)
	}
	if _, err = w.client.DeleteBucket(ctx(), &sdk.DeleteBucketInput{Bucket: &b}); err != nil {
		t.Fatal(err)
	}
	_, err = w.client.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b})
	wantCode(t, err, "NoSuchBucket")
	if l, err := w.client.ListBuckets(ctx(), &sdk.ListBucketsInput{}); err != nil || len(l.Buckets) != 0 {
		t.Fatalf("%v %v", l, err)
	}
}

func TestCORSIsAnsweredByTheBucketsRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	if _, err := w.client.PutBucketCors(ctx(), &sdk.PutBucketCorsInput{Bucket: &b, CORSConfiguration: &types.CORSConfiguration{CORSRules: []types.CORSRule{{
		AllowedOrigins: []string{"https://*.example.com"}, AllowedMethods: []string{"PUT"}, AllowedHeaders: []string{"*"}, MaxAgeSeconds: aws.Int32(60)}}}}); err != nil {
		t.Fatal(err)
	}
	ask := func(origin string) *http.Response {
		r, _ := http.NewRequest(http.MethodOptions, w.server.URL+"/photos/k", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "PUT")
		r.Header.Set("Access-Control-Request-Headers", "content-type")
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res
	}
	if res := ask("https://www.example.com"); res.StatusCode != 200 || res.Header.Get("Access-Control-Allow-Origin") != "https://www.example.com" || res.Header.Get("Access-Control-Max-Age") != "60" {
		t.Fatalf("%+v", res)
	}
	if res := ask("https://evil.org"); res.StatusCode != 403 {
		t.Fatalf("%+v", res)
	}
}
