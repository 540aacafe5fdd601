package play

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Clickstream sends clicks, kills the server in the middle of a window, and
// compares the totals, the windows and the raw objects with what is on the stream.
func Clickstream(ctx context.Context, e Env, scale Scale) (Result, error) {
	r := Result{System: "clickstream"}
	var params []string
	if scale.Window > 0 {
		params = []string{"WindowSeconds=" + strconv.Itoa(scale.Window), "ArchiveSeconds=1"}
	}
	s, err := e.Up(ctx, "clickstream", params...)
	if err != nil {
		return r, err
	}
	defer s.Stop()
	n := scale.Clicks * scale.Seconds
	producer, err := s.run(ctx, "-clicks", strconv.Itoa(n), "-rate", strconv.Itoa(scale.Clicks))
	if err != nil {
		return r, err
	}
	third := time.Duration(scale.Seconds) * time.Second / 3
	if err := pause(ctx, third); err != nil {
		return r, err
	}
	if err := reshard(ctx, s, &r); err != nil {
		return r, err
	}
	if err := pause(ctx, third); err != nil {
		return r, err
	}
	if err := s.KillAndRestart(ctx); err != nil {
		return r, err
	}
	sent, err := producer.wait()
	if err != nil {
		return r, err
	}
	r.Records = sent
	r.check("clicks delivered, across kill -9", n, sent)
	return r, compareClicks(ctx, s, &r, sent)
}

// reshard doubles the shards by a change of the template, which the running server sees.
func reshard(ctx context.Context, s *Server, r *Result) error {
	file := filepath.Join(s.folder, "template.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), "Default: 2", "Default: 4", 1)
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		return err
	}
	var lat samples
	start := time.Now()
	open, err := eventually(ctx, 4, func(ctx context.Context) (int, error) {
		out, err := kinesis.NewFromConfig(s.Config()).DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(s.Outputs["Stream"])})
		if err != nil {
			return 0, err
		}
		return int(aws.ToInt32(out.StreamDescriptionSummary.OpenShardCount)), nil
	})
	lat.add(time.Since(start))
	r.check("open shards after the template was changed", 4, open)
	r.Figures = append(r.Figures, lat.figure("template saved → stream resharded", 0))
	return err
}

// compareClicks is about records: a producer that got no answer sends again, so that the stream may
// hold a click twice. What is on the stream must be counted exactly.
func compareClicks(ctx context.Context, s *Server, r *Result, sent int) error {
	list, err := onStream(ctx, s.Config(), s.Outputs["Stream"])
	if err != nil {
		return err
	}
	unique := map[string]bool{}
	for _, record := range list {
		if err := noteClick(record.Data, unique); err != nil {
			return err
		}
	}
	r.check("clicks on the stream", sent, len(unique))
	for _, c := range []struct{ what, output string }{
		{"records counted in windows", "WindowsTable"},
		{"records counted in totals", "TotalsTable"},
		{"records in the catalogue of raw objects", "ObjectsTable"},
	} {
		got, err := eventually(ctx, len(list), func(ctx context.Context) (int, error) {
			counts, err := rows[struct{ Views, Clicks int }](ctx, s.Config(), s.Outputs[c.output])
			sum := 0
			for _, x := range counts {
				sum += x.Views + x.Clicks
			}
			return sum, err
		})
		if err != nil {
			return err
		}
		r.check(c.what, len(list), got)
	}
	raw, err := rawClicks(ctx, s)
	if err != nil {
		return err
	}
	r.check("clicks in raw objects", sent, raw)
	return nil
}

func noteClick(line []byte, into map[string]bool) error {
	var c struct{ ID string }
	err := json.Unmarshal(line, &c)
	into[c.ID] = true
	return err
}

// rawClicks counts the clicks in the bucket.
func rawClicks(ctx context.Context, s *Server) (int, error) {
	store := s3.NewFromConfig(s.Config(), func(o *s3.Options) { o.UsePathStyle = true })
	unique := map[string]bool{}
	pages := s3.NewListObjectsV2Paginator(store, &s3.ListObjectsV2Input{Bucket: aws.String(s.Outputs["RawBucket"]), Prefix: aws.String("raw/")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return 0, err
		}
		for _, o := range page.Contents {
			out, err := store.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(s.Outputs["RawBucket"]), Key: o.Key})
			if err != nil {
				return 0, err
			}
			body, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				return 0, err
			}
			for line := range bytes.Lines(body) {
				if err := noteClick(line, unique); err != nil {
					return 0, err
				}
			}
		}
	}
	return len(unique), nil
}
