package s3_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/s3"
)

func TestSettingsThatNobodyMadeAreAnsweredAsOnAWS(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	c := w.client
	if out, err := c.GetBucketRequestPayment(ctx(), &sdk.GetBucketRequestPaymentInput{Bucket: &b}); err != nil || out.Payer != types.PayerBucketOwner {
		t.Errorf("%v %v", out, err)
	}
	if out, err := c.GetBucketAccelerateConfiguration(ctx(), &sdk.GetBucketAccelerateConfigurationInput{Bucket: &b}); err != nil || out.Status != "" {
		t.Errorf("%v %v", out, err)
	}
	if out, err := c.GetBucketLogging(ctx(), &sdk.GetBucketLoggingInput{Bucket: &b}); err != nil || out.LoggingEnabled != nil {
		t.Errorf("%v %v", out, err)
	}
	if out, err := c.ListBucketMetricsConfigurations(ctx(), &sdk.ListBucketMetricsConfigurationsInput{Bucket: &b}); err != nil || len(out.MetricsConfigurationList) != 0 || *out.IsTruncated {
		t.Errorf("%v %v", out, err)
	}
	_, err := c.GetBucketMetricsConfiguration(ctx(), &sdk.GetBucketMetricsConfigurationInput{Bucket: &b, Id: aws.String("x")})
	wantCode(t, err, "NoSuchConfiguration")
	_, err = c.GetBucketWebsite(ctx(), &sdk.GetBucketWebsiteInput{Bucket: &b})
	wantCode(t, err, "NoSuchWebsiteConfiguration")
	_, err = c.GetBucketReplication(ctx(), &sdk.GetBucketReplicationInput{Bucket: &b})
	wantCode(t, err, "ReplicationConfigurationNotFoundError")
	_, err = c.GetObjectLockConfiguration(ctx(), &sdk.GetObjectLockConfigurationInput{Bucket: &b})
	wantCode(t, err, "ObjectLockConfigurationNotFoundError")
	w.put(b, "k", []byte("x"))
	_, err = c.GetObjectRetention(ctx(), &sdk.GetObjectRetentionInput{Bucket: &b, Key: aws.String("k")})
	wantCode(t, err, "InvalidRequest")
	_, err = c.RestoreObject(ctx(), &sdk.RestoreObjectInput{Bucket: &b, Key: aws.String("k")})
	wantCode(t, err, "InvalidObjectState")
	if _, err := c.DeleteBucketWebsite(ctx(), &sdk.DeleteBucketWebsiteInput{Bucket: &b}); err != nil {
		t.Error(err)
	}
}

func TestSettingsCanBePutToWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	versioning := func(s types.BucketVersioningStatus) error {
		_, err := w.client.PutBucketVersioning(ctx(), &sdk.PutBucketVersioningInput{Bucket: &b, VersioningConfiguration: &types.VersioningConfiguration{Status: s}})
		return err
	}
	wantCode(t, versioning(types.BucketVersioningStatusEnabled), "NotImplemented")
	if err := versioning(types.BucketVersioningStatusSuspended); err != nil {
		t.Fatal(err)
	}
	if v, err := w.client.GetBucketVersioning(ctx(), &sdk.GetBucketVersioningInput{Bucket: &b}); err != nil || v.Status != types.BucketVersioningStatusSuspended {
		t.Fatalf("%v %v", v, err)
	}
	logging := func(l *types.LoggingEnabled) error {
		_, err := w.client.PutBucketLogging(ctx(), &sdk.PutBucketLoggingInput{Bucket: &b, BucketLoggingStatus: &types.BucketLoggingStatus{LoggingEnabled: l}})
		return err
	}
	if err := logging(nil); err != nil {
		t.Fatal(err)
	}
	wantCode(t, logging(&types.LoggingEnabled{TargetBucket: &b, TargetPrefix: aws.String("")}), "NotImplemented")
	payer := func(p types.Payer) error {
		_, err := w.client.PutBucketRequestPayment(ctx(), &sdk.PutBucketRequestPaymentInput{Bucket: &b, RequestPaymentConfiguration: &types.RequestPaymentConfiguration{Payer: p}})
		return err
	}
	if err := payer(types.PayerBucketOwner); err != nil {
		t.Fatal(err)
	}
	wantCode(t, payer(types.PayerRequester), "NotImplemented")
}

func TestBucketsAreListedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, n := range []string{"aaa", "aab", "aac", "bbb"} {
		w.bucket(n)
	}
	var pages []string
	p := sdk.NewListBucketsPaginator(w.client, &sdk.ListBucketsInput{MaxBuckets: aws.Int32(2), Prefix: aws.String("aa")})
	for p.HasMorePages() {
		page, err := p.NextPage(ctx())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, b := range page.Buckets {
			names = append(names, *b.Name)
		}
		pages = append(pages, strings.Join(names, " "))
	}
	if got := strings.Join(pages, "; "); got != "aaa aab; aac" {
		t.Fatal(got)
	}
	for _, n := range []int32{0, 10_001} {
		_, err := w.client.ListBuckets(ctx(), &sdk.ListBucketsInput{MaxBuckets: &n})
		wantCode(t, err, "InvalidArgument")
	}
}

func TestObjectsAnswerTheEncryptionOfTheirBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	_, err := w.client.PutBucketEncryption(ctx(), &sdk.PutBucketEncryptionInput{Bucket: &b, ServerSideEncryptionConfiguration: &types.ServerSideEncryptionConfiguration{Rules: []types.ServerSideEncryptionRule{
		{ApplyServerSideEncryptionByDefault: &types.ServerSideEncryptionByDefault{SSEAlgorithm: "aws:kms", KMSMasterKeyID: aws.String("alias/x")}, BucketKeyEnabled: aws.Bool(true)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if out := w.put(b, "k", []byte("x")); out.ServerSideEncryption != "aws:kms" || *out.SSEKMSKeyId != "alias/x" || !*out.BucketKeyEnabled {
		t.Fatalf("%+v", out)
	}
	out, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: aws.String("k"), Body: strings.NewReader("x"), ServerSideEncryption: "AES256"})
	if err != nil || out.ServerSideEncryption != "AES256" || out.SSEKMSKeyId != nil {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestPartsAreDescribedAndACopyHasNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, k := w.bucket("photos"), aws.String("big")
	up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k, ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
	if err != nil {
		t.Fatal(err)
	}
	bodies := [][]byte{random(s3.MinPartBytes), random(10)}
	var done []types.CompletedPart
	for i, body := range bodies {
		p, err := w.client.UploadPart(ctx(), &sdk.UploadPartInput{Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(int32(i + 1)), Body: bytes.NewReader(body), ChecksumAlgorithm: types.ChecksumAlgorithmSha256})
		if err != nil {
			t.Fatal(err)
		}
		done = append(done, types.CompletedPart{PartNumber: aws.Int32(int32(i + 1)), ETag: p.ETag, ChecksumSHA256: p.ChecksumSHA256})
	}
	if _, err := w.client.CompleteMultipartUpload(ctx(), &sdk.CompleteMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: done}}); err != nil {
		t.Fatal(err)
	}
	a, err := w.client.GetObjectAttributes(ctx(), &sdk.GetObjectAttributesInput{Bucket: &b, Key: k, MaxParts: aws.Int32(1), PartNumberMarker: aws.String("1"), ObjectAttributes: []types.ObjectAttributes{"ObjectParts", "Checksum"}})
	if err != nil || *a.ObjectParts.TotalPartsCount != 2 || len(a.ObjectParts.Parts) != 1 || *a.ObjectParts.IsTruncated {
		t.Fatalf("%+v %v", a.ObjectParts, err)
	}
	if p := a.ObjectParts.Parts[0]; *p.PartNumber != 2 || *p.Size != 10 || *p.ChecksumSHA256 != *done[1].ChecksumSHA256 {
		t.Fatalf("%+v", p)
	}
	if _, err := w.client.CopyObject(ctx(), &sdk.CopyObjectInput{Bucket: &b, Key: aws.String("copy"), CopySource: aws.String(b + "/big")}); err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum(bytes.Join(bodies, nil))
	h, err := w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("copy"), ChecksumMode: types.ChecksumModeEnabled, PartNumber: nil})
	if err != nil || *h.ETag != `"`+hex.EncodeToString(sum[:])+`"` || h.ChecksumType != types.ChecksumTypeFullObject || strings.Contains(*h.ChecksumSHA256, "-") {
		t.Fatalf("%+v %v", h, err)
	}
	if !bytes.Equal(w.get(b, "copy"), bytes.Join(bodies, nil)) {
		t.Fatal("the copy is another body")
	}
}

// TestPresignedLinksEndAlsoWhereAnybodyIsAdmitted looks at a service that does
// not verify signatures, with links of both versions.
func TestPresignedLinksEndAlsoWhereAnybodyIsAdmitted(t *testing.T) {
	t.Parallel()
	fs := vfs.NewCrashableMem()
	store, err := kvtest.OpenErr(fs)
	if err != nil {
		t.Fatal(err)
	}
	manual := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	s, err := s3.New(context.Background(), s3.Options{Store: store, FS: fs, Dir: "/objects", Clock: manual})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(); _ = store.Close() })
	do := func(method, target string) (int, string) {
		rec := httptest.NewRecorder()
		s.Handler().ServeHTTP(rec, httptest.NewRequest(method, target, strings.NewReader("")))
		return rec.Code, rec.Body.String()
	}
	if status, text := do(http.MethodPut, "http://localhost/photos"); status != 200 {
		t.Fatal(text)
	}
	v2 := fmt.Sprintf("http://localhost/photos/k?AWSAccessKeyId=a&Signature=b&Expires=%d", manual.Now().Unix()+60)
	v4 := "http://localhost/photos/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20260102%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=x"
	manual.Advance(time.Minute)
	for _, link := range []string{v2, v4} {
		if status, text := do(http.MethodPut, link); status != 200 {
			t.Errorf("%d %s", status, text)
		}
	}
	manual.Advance(time.Second)
	for _, link := range []string{v2, v4} {
		if status, text := do(http.MethodGet, link); status != 403 || !strings.Contains(text, "<Message>Request has expired</Message>") {
			t.Errorf("%d %s", status, text)
		}
	}
	if status, text := do(http.MethodGet, strings.Replace(v4, "X-Amz-Expires=60", "X-Amz-Expires=604801", 1)); status != 400 || !strings.Contains(text, "AuthorizationQueryParametersError") {
		t.Errorf("%d %s", status, text)
	}
}

func TestACompletionMayBeAskedForAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b, k := w.bucket("photos"), aws.String("big")
	up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: k})
	if err != nil {
		t.Fatal(err)
	}
	part, err := w.client.UploadPart(ctx(), &sdk.UploadPartInput{Bucket: &b, Key: k, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("hello")})
	if err != nil {
		t.Fatal(err)
	}
	complete := func(etag string) (*sdk.CompleteMultipartUploadOutput, error) {
		return w.client.CompleteMultipartUpload(ctx(), &sdk.CompleteMultipartUploadInput{Bucket: &b, Key: k, UploadId: up.UploadId,
			MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{PartNumber: aws.Int32(1), ETag: &etag}}}})
	}
	first, err := complete(*part.ETag)
	if err != nil {
		t.Fatal(err)
	}
	w.restart()
	again, err := complete(*part.ETag)
	if err != nil || *again.ETag != *first.ETag {
		t.Fatalf("%v %v", again, err)
	}
	_, err = complete(`"00000000000000000000000000000000"`)
	wantCode(t, err, "NoSuchUpload")
	w.put(b, "big", []byte("another"))
	_, err = complete(*part.ETag)
	wantCode(t, err, "NoSuchUpload")
	if got := w.get(b, "big"); string(got) != "another" {
		t.Fatalf("%q", got)
	}
}

func TestNotificationsThatOverlapAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	target := func(name string, event types.Event, prefix, suffix string) types.QueueConfiguration {
		return types.QueueConfiguration{QueueArn: aws.String("arn:aws:sqs:us-east-1:000000000000:" + name), Events: []types.Event{event},
			Filter: &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "prefix", Value: &prefix}, {Name: "suffix", Value: &suffix}}}}}
	}
	put := func(list ...types.QueueConfiguration) error {
		_, err := w.client.PutBucketNotificationConfiguration(ctx(), &sdk.PutBucketNotificationConfigurationInput{Bucket: &b, NotificationConfiguration: &types.NotificationConfiguration{QueueConfigurations: list}})
		return err
	}
	wantCode(t, put(target("a", "s3:ObjectCreated:*", "in/", ""), target("b", "s3:ObjectCreated:Put", "in/deep/", ".jpg")), "InvalidArgument")
	wantCode(t, put(target("a", "s3:ObjectCreated:Put", "", ""), target("b", "s3:ObjectCreated:Put", "", "")), "InvalidArgument")
	for name, list := range map[string][]types.QueueConfiguration{
		"other events":   {target("a", "s3:ObjectCreated:*", "", ""), target("b", "s3:ObjectRemoved:*", "", "")},
		"other prefixes": {target("a", "s3:ObjectCreated:*", "in/", ""), target("b", "s3:ObjectCreated:*", "out/", "")},
		"other suffixes": {target("a", "s3:ObjectCreated:*", "in/", ".jpg"), target("b", "s3:ObjectCreated:*", "in/", ".png")},
	} {
		if err := put(list...); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
