package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/spf13/cobra"
)

const (
	// logsInterval is the pause between two looks for new lines with --follow.
	logsInterval = 250 * time.Millisecond
	// logsOverlap is how much older than the newest line a line may be that arrives
	// after it: instances write at their own pace.
	logsOverlap = 30 * time.Second
)

// logLine is one line of `leat logs --json`.
type logLine struct {
	Time    time.Time `json:"time"`
	Stream  string    `json:"stream"`
	Message string    `json:"message"`
}

func (a *app) logsCommand() *cobra.Command {
	var since, filter string
	var follow bool
	c := &cobra.Command{
		Use:   "logs FUNCTION",
		Short: "Print a function's log",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var from time.Time
			if since != "" {
				var err error
				if from, err = parseWhen(since, time.Now()); err != nil {
					return err
				}
			}
			name, err := a.resolve(c.Context(), kindFunction, args[0])
			if err != nil {
				return err
			}
			group, err := a.logGroup(c.Context(), name)
			if err != nil {
				return err
			}
			r := &logReader{
				client: cloudwatchlogs.NewFromConfig(a.awsConfig()), group: group,
				filter: filter, print: a.printer(), seen: map[string]int64{},
			}
			return ignoreCancelled(c.Context(), r.run(c.Context(), from, follow))
		},
	}
	c.Flags().StringVar(&since, "since", "", "begin this long ago or at this time (10m, 14:02, RFC 3339); the default is the beginning")
	c.Flags().StringVar(&filter, "filter", "", "print only what matches this CloudWatch Logs filter pattern")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "wait for more lines")
	a.clientFlags(c)
	return c
}

// logGroup is where a function's output goes.
func (a *app) logGroup(ctx context.Context, function string) (string, error) {
	out, err := lambda.NewFromConfig(a.awsConfig()).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &function})
	if err != nil {
		return "", err
	}
	if l := out.LoggingConfig; l != nil && l.LogGroup != nil {
		return *l.LogGroup, nil
	}
	return "/aws/lambda/" + function, nil
}

type logReader struct {
	client *cloudwatchlogs.Client
	group  string
	filter string
	print  *printer
	// seen holds the ids and times of the events that the next look meets again: with
	// --follow it begins a while before the newest line, because a line may come late.
	seen map[string]int64
}

func (r *logReader) run(ctx context.Context, from time.Time, follow bool) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	start := int64(0)
	if !from.IsZero() {
		start = from.UnixMilli()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		next, err := r.look(ctx, start)
		var absent *types.ResourceNotFoundException
		if err != nil && !(follow && errors.As(err, &absent)) {
			if errors.As(err, &absent) {
				return nil // nothing has been logged yet
			}
			return err
		}
		if !follow {
			return nil
		}
		start = next
		timer.Reset(logsInterval)
	}
}

// look prints what came at or after start and returns where the next look begins.
func (r *logReader) look(ctx context.Context, start int64) (int64, error) {
	in := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: &r.group, StartTime: aws.Int64(start)}
	if r.filter != "" {
		in.FilterPattern = &r.filter
	}
	newest := start
	p := cloudwatchlogs.NewFilterLogEventsPaginator(r.client, in)
	for p.HasMorePages() {
		page, err := p.NextPage(ctx)
		if err != nil {
			return start, err
		}
		for _, e := range page.Events {
			id, at := aws.ToString(e.EventId), aws.ToInt64(e.Timestamp)
			newest = max(newest, at)
			if _, again := r.seen[id]; !again {
				r.event(e)
				r.seen[id] = at
			}
		}
		start = max(start, newest-logsOverlap.Milliseconds())
		maps.DeleteFunc(r.seen, func(_ string, at int64) bool { return at < start })
	}
	return start, nil
}

func (r *logReader) event(e types.FilteredLogEvent) {
	line := logLine{
		Time: time.UnixMilli(aws.ToInt64(e.Timestamp)), Stream: aws.ToString(e.LogStreamName),
		Message: strings.TrimRight(aws.ToString(e.Message), "\n"),
	}
	_ = r.print.Value(line, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s\n", line.Time.Format("15:04:05.000"), line.Message)
	})
}
