package crashtest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sort"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const streamName = "orders"

func ptr[T any](v T) *T { return &v }

// place is where a record is said to be.
type place struct{ shard, seq string }

// history is what clients were told: records by place.
type history struct {
	mu    sync.Mutex
	told  map[place]string // acknowledged, or seen by a reader
	left  [2]int           // how many records each kind of teller has still to tell first
	cut   chan struct{}    // closed at the moment to cut
	wrong error
}

// teller is who tells of a record.
type teller int

const (
	writer teller = iota // it was acknowledged
	reader               // it was seen before it was acknowledged
)

func newHistory() *history { return &history{told: map[place]string{}} }

// expect gives a channel that is closed when writers have told of so many records, or
// readers of so many that no writer had told of yet.
func (h *history) expect(byWriters, byReaders int) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.left, h.cut = [2]int{byWriters, byReaders}, make(chan struct{})
	return h.cut
}

// tell notes a record that a client was told of. Two different records at one
// place are wrong at once.
func (h *history) tell(shard, seq, data string, by teller) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := place{shard, seq}
	have, known := h.told[at]
	if known && have != data && h.wrong == nil {
		h.wrong = fmt.Errorf("two records at %s %s: %q and %q", shard, seq, have, data)
	}
	h.told[at] = data
	if h.cut == nil || by == reader && known {
		return
	}
	if h.left[by]--; h.left[by] == 0 {
		close(h.cut)
		h.cut = nil
	}
}

func (h *history) snapshot() map[place]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.told)
}

// reset goes back to what was told before a cut, and reports what was told wrongly.
func (h *history) reset(told map[place]string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told, h.cut = told, nil
	return h.wrong
}

// readAll reads every shard to its present end.
func readAll(ctx context.Context, c *kinesis.Client) (map[string][]types.Record, error) {
	out := map[string][]types.Record{}
	shards, err := c.ListShards(ctx, &kinesis.ListShardsInput{StreamName: ptr(streamName)})
	if err != nil {
		return nil, err
	}
	for _, s := range shards.Shards {
		rs, err := readShard(ctx, c, *s.ShardId)
		if err != nil {
			return nil, err
		}
		out[*s.ShardId] = rs
	}
	return out, nil
}

// horizon is an iterator at a shard's oldest record.
func horizon(ctx context.Context, c *kinesis.Client, shard string) (*string, error) {
	out, err := c.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
		StreamName: ptr(streamName), ShardId: &shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon})
	if err != nil {
		return nil, err
	}
	return out.ShardIterator, nil
}

func readShard(ctx context.Context, c *kinesis.Client, shard string) (out []types.Record, err error) {
	next, err := horizon(ctx, c, shard)
	for err == nil && next != nil {
		page, err := c.GetRecords(ctx, &kinesis.GetRecordsInput{ShardIterator: next})
		if err != nil {
			return nil, err
		}
		out = append(out, page.Records...)
		if *page.MillisBehindLatest == 0 {
			break
		}
		next = page.NextShardIterator
	}
	return out, err
}

// verify compares what is there with what was told.
func verify(ctx context.Context, c *kinesis.Client, told map[place]string) error {
	there, err := readAll(ctx, c)
	if err != nil {
		return fmt.Errorf("read after the crash: %w", err)
	}
	found := map[place]string{}
	times := map[string]int{}
	var errs []error
	for shard, rs := range there {
		last := ""
		for _, r := range rs {
			if *r.SequenceNumber <= last {
				errs = append(errs, fmt.Errorf("%s: sequence %s behind %s", shard, *r.SequenceNumber, last))
			}
			last = *r.SequenceNumber
			found[place{shard, last}] = string(r.Data)
			times[string(r.Data)]++
		}
	}
	for at, data := range told {
		if got, ok := found[at]; !ok {
			errs = append(errs, fmt.Errorf("lost: %q at %s %s", data, at.shard, at.seq))
		} else if got != data {
			errs = append(errs, fmt.Errorf("at %s %s is %q, told was %q", at.shard, at.seq, got, data))
		}
	}
	for data, n := range times {
		if n > 1 {
			errs = append(errs, fmt.Errorf("%q is there %d times", data, n))
		}
	}
	return errors.Join(append(errs, ordered(there)...)...)
}

// ordered checks each writer's order: its records are "writer/number", put one behind the other under
// one key, and sequences order them across the shards that the key went through.
func ordered(there map[string][]types.Record) (errs []error) {
	type at struct {
		seq string
		n   int
	}
	byKey := map[string][]at{}
	for _, rs := range there {
		for _, r := range rs {
			name, number, _ := strings.Cut(string(r.Data), "/")
			n, err := strconv.Atoi(number)
			if err != nil {
				errs = append(errs, fmt.Errorf("a record nobody put: %q", r.Data))
			}
			byKey[name] = append(byKey[name], at{*r.SequenceNumber, n})
		}
	}
	for name, rs := range byKey {
		sort.Slice(rs, func(i, j int) bool { return rs[i].seq < rs[j].seq })
		for i := 1; i < len(rs); i++ {
			if rs[i].n <= rs[i-1].n {
				errs = append(errs, fmt.Errorf("%s: record %d behind %d", name, rs[i].n, rs[i-1].n))
			}
		}
	}
	return errs
}
