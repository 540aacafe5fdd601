package s3_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const day = 24 * time.Hour

// noon is a moment between two midnights.
func (w *world) noon() {
	now := w.clock.Now().UTC()
	w.clock.Set(now.Truncate(day).Add(day + 12*time.Hour))
}

func (w *world) rules(bucket string, rules ...types.LifecycleRule) error {
	_, err := w.client.PutBucketLifecycleConfiguration(ctx(), &sdk.PutBucketLifecycleConfigurationInput{Bucket: &bucket, LifecycleConfiguration: &types.BucketLifecycleConfiguration{Rules: rules}})
	return err
}

func rule(f *types.LifecycleRuleFilter, days int32) types.LifecycleRule {
	return types.LifecycleRule{ID: aws.String("r"), Status: types.ExpirationStatusEnabled, Filter: f, Expiration: &types.LifecycleExpiration{Days: &days}}
}

func prefixed(p string) *types.LifecycleRuleFilter { return &types.LifecycleRuleFilter{Prefix: &p} }

// expired waits for the events of expiries, and gives their keys in the order of their coming.
func (w *world) expired(n int) string {
	w.t.Helper()
	for {
		w.mu.Lock()
		var keys []string
		for _, e := range w.events {
			if _, rest, ok := strings.Cut(e, `"eventName":"LifecycleExpiration:Delete"`); ok {
				_, rest, _ = strings.Cut(rest, `"key":"`)
				key, _, _ := strings.Cut(rest, `"`)
				keys = append(keys, key)
			}
		}
		w.mu.Unlock()
		if len(keys) >= n {
			return strings.Join(keys, " ")
		}
		<-w.news
	}
}

func (w *world) tellExpiries(bucket string) {
	w.t.Helper()
	_, err := w.client.PutBucketNotificationConfiguration(ctx(), &sdk.PutBucketNotificationConfigurationInput{Bucket: &bucket, NotificationConfiguration: &types.NotificationConfiguration{
		QueueConfigurations: []types.QueueConfiguration{{QueueArn: aws.String("arn:aws:sqs:us-east-1:000000000000:q"), Events: []types.Event{"s3:LifecycleExpiration:*"}}},
	}})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestObjectsExpireAtTheMidnightAfterTheirDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("logs")
	w.tellExpiries(b)
	w.noon()
	if err := w.rules(b, rule(prefixed("tmp/"), 2)); err != nil {
		t.Fatal(err)
	}
	w.put(b, "keep/a", []byte("x"))
	w.put(b, "tmp/a", random(100<<10))
	want := fmt.Sprintf(`expiry-date="%s", rule-id="r"`, w.clock.Now().UTC().Truncate(day).Add(3*day).Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	if out := w.put(b, "tmp/b", []byte("x")); aws.ToString(out.Expiration) != want {
		t.Fatalf("%q, want %q", aws.ToString(out.Expiration), want)
	}
	w.clock.Advance(2*day + 12*time.Hour - time.Second) // a second before midnight
	if h, err := w.client.HeadObject(ctx(), &sdk.HeadObjectInput{Bucket: &b, Key: aws.String("tmp/a")}); err != nil || aws.ToString(h.Expiration) != want {
		t.Fatalf("%v %v", h, err)
	}
	w.put(b, "tmp/b", []byte("replaced: younger"))
	w.clock.Advance(time.Second)
	if got := w.expired(1); got != "tmp/a" {
		t.Fatal(got)
	}
	_, err := w.client.GetObject(ctx(), &sdk.GetObjectInput{Bucket: &b, Key: aws.String("tmp/a")})
	wantCode(t, err, "NoSuchKey")
	w.get(b, "keep/a")
	if got := w.get(b, "tmp/b"); string(got) != "replaced: younger" {
		t.Fatalf("%q", got)
	}
	if w.files() != 0 {
		t.Fatal("the file of an expired object stays")
	}
}

func TestRulesActWhenTheyArePutAndAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("logs")
	w.tellExpiries(b)
	w.put(b, "a", []byte("x"))
	w.clock.Advance(5 * day)
	if err := w.rules(b, rule(prefixed(""), 1)); err != nil {
		t.Fatal(err)
	}
	if got := w.expired(1); got != "a" {
		t.Fatal(got)
	}
	w.put(b, "b", []byte("x"))
	_ = w.s.Close()
	w.clock.Advance(5 * day) // nobody looks
	w.restart()
	if got := w.expired(2); got != "a b" {
		t.Fatal(got)
	}
}

func TestRulesChooseByTagsAndSizes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("logs")
	w.tellExpiries(b)
	tag := types.Tag{Key: aws.String("class"), Value: aws.String("scratch")}
	and := types.LifecycleRule{ID: aws.String("and"), Status: types.ExpirationStatusEnabled, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)},
		Filter: &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("t/"), Tags: []types.Tag{tag}, ObjectSizeGreaterThan: aws.Int64(3), ObjectSizeLessThan: aws.Int64(6)}}}
	off := rule(prefixed("off/"), 1)
	off.ID, off.Status = aws.String("off"), types.ExpirationStatusDisabled
	if err := w.rules(b, and, off); err != nil {
		t.Fatal(err)
	}
	for key, body := range map[string]string{"t/small": "123", "t/fits": "12345", "t/large": "123456", "u/fits": "12345", "off/a": "12345"} {
		_, err := w.client.PutObject(ctx(), &sdk.PutObjectInput{Bucket: &b, Key: &key, Body: strings.NewReader(body), Tagging: aws.String("class=scratch")})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.put(b, "t/untagged", []byte("12345"))
	w.put(b, "t/zz", []byte("12345"))
	if _, err := w.client.PutObjectTagging(ctx(), &sdk.PutObjectTaggingInput{Bucket: &b, Key: aws.String("t/zz"), Tagging: &types.Tagging{TagSet: []types.Tag{tag}}}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(2 * day)
	if got := w.expired(2); got != "t/fits t/zz" && got != "t/zz t/fits" {
		t.Fatal(got)
	}
	l, err := w.client.ListObjectsV2(ctx(), &sdk.ListObjectsV2Input{Bucket: &b})
	if err != nil || *l.KeyCount != 5 {
		t.Fatalf("%v %v", l, err)
	}
}

func TestUploadsThatWereNotCompletedAreAborted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("logs")
	err := w.rules(b, types.LifecycleRule{ID: aws.String("r"), Status: types.ExpirationStatusEnabled, Filter: prefixed("tmp/"), AbortIncompleteMultipartUpload: &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)}})
	if err != nil {
		t.Fatal(err)
	}
	begin := func(key string) *sdk.CreateMultipartUploadOutput {
		up, err := w.client.CreateMultipartUpload(ctx(), &sdk.CreateMultipartUploadInput{Bucket: &b, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.client.UploadPart(ctx(), &sdk.UploadPartInput{Bucket: &b, Key: &key, UploadId: up.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader(strings.Repeat("x", 100<<10))})
		if err != nil {
			t.Fatal(err)
		}
		return up
	}
	gone, stays := begin("tmp/a"), begin("keep/a")
	if gone.AbortDate == nil || *gone.AbortRuleId != "r" || stays.AbortDate != nil {
		t.Fatalf("%+v %+v", gone, stays)
	}
	w.clock.Advance(2 * day)
	for {
		l, err := w.client.ListMultipartUploads(ctx(), &sdk.ListMultipartUploadsInput{Bucket: &b})
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Uploads) == 1 && *l.Uploads[0].UploadId == *stays.UploadId {
			break
		}
	}
	for w.files() != 1 { // unlinked after the commit
	}
}

func TestLifecycleConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("logs")
	with := func(edit func(*types.LifecycleRule)) types.LifecycleRule {
		r := rule(prefixed("x"), 1)
		edit(&r)
		return r
	}
	for name, c := range map[string]struct {
		code  string
		rules []types.LifecycleRule
	}{
		"no days":      {"InvalidArgument", []types.LifecycleRule{rule(prefixed("x"), 0)}},
		"no action":    {"InvalidRequest", []types.LifecycleRule{with(func(r *types.LifecycleRule) { r.Expiration = nil })}},
		"one id twice": {"InvalidArgument", []types.LifecycleRule{rule(prefixed("x"), 1), rule(prefixed("y"), 1)}},
		"a long id":    {"InvalidArgument", []types.LifecycleRule{with(func(r *types.LifecycleRule) { r.ID = aws.String(strings.Repeat("x", 256)) })}},
		"not midnight": {"InvalidArgument", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.Expiration = &types.LifecycleExpiration{Date: aws.Time(time.Unix(1, 0))}
		})}},
		"days and date": {"MalformedXML", []types.LifecycleRule{with(func(r *types.LifecycleRule) { r.Expiration.Date = aws.Time(time.Unix(0, 0)) })}},
		"no filter":     {"MalformedXML", []types.LifecycleRule{with(func(r *types.LifecycleRule) { r.Filter = nil })}},
		"And of one": {"MalformedXML", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("x")}}
		})}},
		"abort by tag": {"InvalidRequest", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{Tag: &types.Tag{Key: aws.String("a"), Value: aws.String("b")}}
			r.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(1)}
		})}},
		"abort at once": {"InvalidArgument", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.AbortIncompleteMultipartUpload = &types.AbortIncompleteMultipartUpload{DaysAfterInitiation: aws.Int32(0)}
		})}},
		"unknown class": {"MalformedXML", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.Transitions = []types.Transition{{Days: aws.Int32(1), StorageClass: "COLD"}}
		})}},
		"sizes reversed": {"InvalidRequest", []types.LifecycleRule{with(func(r *types.LifecycleRule) {
			r.Filter = &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{ObjectSizeGreaterThan: aws.Int64(5), ObjectSizeLessThan: aws.Int64(5)}}
		})}},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, w.rules(b, c.rules...), c.code) })
	}
	many := make([]types.LifecycleRule, 1001)
	for i := range many {
		many[i] = rule(prefixed(fmt.Sprint(i)), 1)
		many[i].ID = aws.String(fmt.Sprint(i))
	}
	wantCode(t, w.rules(b, many...), "MalformedXML")
	if err := w.rules(b, many[:1000]...); err != nil {
		t.Fatal(err)
	}
}
