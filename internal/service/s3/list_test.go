package s3_test

import (
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// model lists as S3 documents it, over sorted keys.
func model(all []string, prefix, delimiter, after string, limit int) (keys, prefixes []string, truncated bool) {
	sort.Strings(all)
	for _, k := range all {
		if !strings.HasPrefix(k, prefix) || k <= after {
			continue
		}
		common := ""
		if i := strings.Index(k[len(prefix):], delimiter); delimiter != "" && i >= 0 {
			common = k[:len(prefix)+i+len(delimiter)]
			if common == after || slices.Contains(prefixes, common) {
				continue
			}
		}
		if len(keys)+len(prefixes) >= limit {
			return keys, prefixes, true
		}
		if common != "" {
			prefixes = append(prefixes, common)
		} else {
			keys = append(keys, k)
		}
	}
	return keys, prefixes, false
}

func TestListingsPageThroughKeysAndCommonPrefixes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	all := []string{"a", "a!", "a/1", "a/2/x", "a/2/y", "b/1", "b", "c//d", "é/1", "z", "a/\u00ff", "0"}
	for _, k := range all {
		w.put(b, k, []byte(k))
	}
	for _, prefix := range []string{"", "a", "a/", "a/2", "q"} {
		for _, delimiter := range []string{"", "/", "//"} {
			for limit := 1; limit <= 13; limit++ {
				in := &sdk.ListObjectsV2Input{Bucket: &b, MaxKeys: aws.Int32(int32(limit)), EncodingType: types.EncodingTypeUrl}
				if prefix != "" {
					in.Prefix = &prefix
				}
				if delimiter != "" {
					in.Delimiter = &delimiter
				}
				var got []string
				for pages := 0; ; pages++ {
					out, err := w.client.ListObjectsV2(ctx(), in)
					if err != nil {
						t.Fatal(err)
					}
					for _, o := range out.Contents {
						got = append(got, *o.Key)
					}
					for _, p := range out.CommonPrefixes {
						got = append(got, *p.Prefix)
					}
					if int(*out.KeyCount) != len(out.Contents)+len(out.CommonPrefixes) || pages > 20 {
						t.Fatalf("%+v", out)
					}
					if !*out.IsTruncated {
						break
					}
					in.ContinuationToken = out.NextContinuationToken
				}
				keys, prefixes, _ := model(slices.Clone(all), prefix, delimiter, "", 1000)
				want := append(keys, prefixes...)
				sort.Strings(got)
				sort.Strings(want)
				if !slices.Equal(unescape(got), want) {
					t.Fatalf("prefix %q delimiter %q limit %d: %q, want %q", prefix, delimiter, limit, got, want)
				}
			}
		}
	}
	out, err := w.client.ListObjects(ctx(), &sdk.ListObjectsInput{Bucket: &b, Delimiter: aws.String("/"), MaxKeys: aws.Int32(3), Marker: aws.String("a!")})
	if err != nil || *out.NextMarker != "b/" && *out.NextMarker != "b" {
		t.Fatalf("%+v %v", out, err)
	}
}

// unescape undoes the URL encoding of keys, which the Go client leaves to its user.
func unescape(list []string) []string {
	for i, k := range list {
		list[i] = strings.NewReplacer("%21", "!", "%C3%A9", "é", "%C3%BF", "ÿ", "%2F", "/").Replace(k)
	}
	sort.Strings(list)
	return list
}

func TestDeleteObjectsAnswersEachKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.bucket("photos")
	w.put(b, "a", []byte("x"))
	w.put(b, "b&<c>", []byte("x"))
	out, err := w.client.DeleteObjects(ctx(), &sdk.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{
		{Key: aws.String("a")}, {Key: aws.String("b&<c>")}, {Key: aws.String("none")}, {Key: aws.String("v"), VersionId: aws.String("1")}}}})
	if err != nil || len(out.Deleted) != 3 || len(out.Errors) != 1 || *out.Errors[0].Code != "NoSuchVersion" {
		t.Fatalf("%+v %v", out, err)
	}
}
