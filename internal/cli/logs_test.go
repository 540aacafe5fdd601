package cli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/cli"
	"github.com/leatdev/leat/leattest"
)

// lines hands over what is written, line by line.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	for _, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		l <- line
	}
	return len(b), nil
}

func TestFollowedLogsShowLinesThatComeLateOnce(t *testing.T) {
	t.Parallel()
	p, ctx := leattest.Start(t), t.Context()
	var code bytes.Buffer
	z := zip.NewWriter(&code)
	if _, err := z.Create("bootstrap"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := lambda.NewFromConfig(p.Config()).CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("mill"), Runtime: lambdatypes.RuntimeProvidedal2023, Handler: aws.String("x"),
		Role: aws.String("arn:aws:iam::000000000000:role/r"), Code: &lambdatypes.FunctionCode{ZipFile: code.Bytes()},
		LoggingConfig: &lambdatypes.LoggingConfig{LogGroup: aws.String("/mills")},
	})
	if err != nil {
		t.Fatal(err)
	}
	c, group := cloudwatchlogs.NewFromConfig(p.Config()), aws.String("/mills")
	if _, err := c.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: aws.String("s")}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	put := func(ago time.Duration, message string) {
		t.Helper()
		_, err := c.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: aws.String("s"),
			LogEvents: []types.InputLogEvent{{Timestamp: aws.Int64(now.Add(-ago).UnixMilli()), Message: &message}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	out := make(lines, 100)
	following, stop := context.WithCancel(ctx)
	done := make(chan int)
	go func() {
		done <- cli.Main(following, []string{"logs", "mill", "-f"}, cli.IO{In: strings.NewReader(""), Out: out, Err: &bytes.Buffer{}, Getenv: func(k string) string { return at(p)[k] }})
	}()
	for _, line := range []struct {
		ago     time.Duration
		message string
	}{{time.Second, "first"}, {20 * time.Second, "late"}, {time.Second, "same moment"}, {0, "last"}} {
		put(line.ago, line.message)
		if got := <-out; !strings.HasSuffix(got, " "+line.message) {
			t.Errorf("want %q, got %q", line.message, got)
		}
	}
	stop()
	if code := <-done; code != 0 || len(out) != 0 {
		t.Errorf("exit %d, and %d lines more", code, len(out))
	}
}
