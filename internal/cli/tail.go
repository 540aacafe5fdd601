package cli

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/spf13/cobra"
)

// tailInterval is the pause between two empty reads of a shard: five reads a
// second is what a shard allows under --limits=aws.
const tailInterval = 250 * time.Millisecond

// tailRecord is what one line of `leat tail --json` carries. One of JSON, Text
// and Hex is set.
type tailRecord struct {
	Time           time.Time       `json:"time"`
	Shard          string          `json:"shard"`
	SequenceNumber string          `json:"sequenceNumber"`
	PartitionKey   string          `json:"partitionKey"`
	JSON           json.RawMessage `json:"data,omitempty"`
	Text           string          `json:"text,omitempty"`
	Hex            string          `json:"hex,omitempty"`
}

func (a *app) tailCommand() *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "tail STREAM",
		Short: "Print a stream's records as they arrive",
		Args:  exactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			from := time.Now()
			if since != "" {
				var err error
				if from, err = parseWhen(since, from); err != nil {
					return err
				}
			}
			name, err := a.resolve(c.Context(), kindStream, args[0])
			if err != nil {
				return err
			}
			t := &tailer{client: kinesis.NewFromConfig(a.awsConfig()), stream: name, from: from, print: a.printer()}
			return ignoreCancelled(c.Context(), t.run(c.Context()))
		},
	}
	c.Flags().StringVar(&since, "since", "", "begin this long ago or at this time (10m, 14:02, RFC 3339)")
	a.clientFlags(c)
	return c
}

// ignoreCancelled makes the end by a signal a success.
func ignoreCancelled(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
		return nil
	}
	return err
}

// tailer follows all shards of a stream, child shards included: a shard's
// children are followed once it has been read to its end.
type tailer struct {
	client *kinesis.Client
	stream string
	from   time.Time

	mu    sync.Mutex // one record is printed at a time
	print *printer
}

func (t *tailer) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shards, err := t.openAt(ctx)
	if err != nil {
		return err
	}
	var followers sync.WaitGroup
	started := map[string]bool{}
	var mu sync.Mutex
	var follow func(id string)
	follow = func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if started[id] || ctx.Err() != nil {
			return
		}
		started[id] = true
		followers.Add(1)
		go func() {
			defer followers.Done()
			children, err := t.shard(ctx, id)
			if err != nil {
				cancel(err)
			}
			for _, child := range children {
				follow(child)
			}
		}()
	}
	for _, id := range shards {
		follow(id)
	}
	followers.Wait()
	return context.Cause(ctx)
}

// openAt lists the shards that could hold records since t.from.
func (t *tailer) openAt(ctx context.Context) ([]string, error) {
	in := &kinesis.ListShardsInput{StreamName: &t.stream, ShardFilter: &types.ShardFilter{
		Type: types.ShardFilterTypeFromTimestamp, Timestamp: &t.from,
	}}
	var ids []string
	roots := map[string]string{}
	for {
		out, err := t.client.ListShards(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range out.Shards {
			roots[aws.ToString(s.ShardId)] = aws.ToString(s.ParentShardId)
		}
		if out.NextToken == nil {
			break
		}
		in = &kinesis.ListShardsInput{NextToken: out.NextToken}
	}
	for id, parent := range roots {
		if _, listed := roots[parent]; !listed { // its parent's reader starts it otherwise
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// shard prints one shard to its end and returns its children.
func (t *tailer) shard(ctx context.Context, id string) ([]string, error) {
	it, err := t.client.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: &t.stream, ShardId: &id, ShardIteratorType: types.ShardIteratorTypeAtTimestamp, Timestamp: &t.from,
	})
	if err != nil {
		return nil, err
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for next := it.ShardIterator; ; {
		select {
		case <-ctx.Done():
			return nil, nil
		case <-pause.C:
		}
		out, err := t.client.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, err
		}
		for _, r := range out.Records {
			t.record(id, r)
		}
		if next = out.NextShardIterator; next == nil {
			var children []string
			for _, c := range out.ChildShards {
				children = append(children, aws.ToString(c.ShardId))
			}
			return children, nil
		}
		wait := tailInterval
		if aws.ToInt64(out.MillisBehindLatest) > 0 {
			wait = 0
		}
		pause.Reset(wait)
	}
}

func (t *tailer) record(shard string, r types.Record) {
	rec := tailRecord{
		Time: aws.ToTime(r.ApproximateArrivalTimestamp), Shard: shard,
		SequenceNumber: aws.ToString(r.SequenceNumber), PartitionKey: aws.ToString(r.PartitionKey),
	}
	shown := describePayload(&rec, r.Data)
	t.mu.Lock()
	defer t.mu.Unlock()
	_ = t.print.Value(rec, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s %s %s\n", rec.Time.Format("15:04:05.000"), shard, rec.PartitionKey, shown)
	})
}

// describePayload says what data is: JSON, printable text, else hex.
func describePayload(rec *tailRecord, data []byte) string {
	switch {
	case json.Valid(data):
		rec.JSON = data
		return string(data)
	case printable(data):
		rec.Text = string(data)
		return rec.Text
	default:
		rec.Hex = hex.EncodeToString(data)
		return "0x" + rec.Hex
	}
}

func printable(data []byte) bool {
	if !utf8.Valid(data) {
		return false
	}
	for _, r := range string(data) {
		if !unicode.IsPrint(r) && r != '\n' && r != '\t' && r != '\r' {
			return false
		}
	}
	return true
}
