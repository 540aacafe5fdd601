package producer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/kpl"
	"github.com/leatdev/leat/producer"
)

// stream is a Kinesis stream of one shard that refuses what refuse says.
type stream struct {
	mu      sync.Mutex
	calls   [][]types.PutRecordsRequestEntry
	arrived []string
	refuse  func(call int, e types.PutRecordsRequestEntry) bool
	fail    func(call int) error
	gate    chan struct{} // when set, a call waits for it
}

func (s *stream) PutRecords(ctx context.Context, in *kinesis.PutRecordsInput, _ ...func(*kinesis.Options)) (*kinesis.PutRecordsOutput, error) {
	if s.gate != nil {
		select {
		case <-s.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, in.Records)
	n := len(s.calls)
	if s.fail != nil {
		if err := s.fail(n); err != nil {
			return nil, err
		}
	}
	out := &kinesis.PutRecordsOutput{}
	for _, e := range in.Records {
		if s.refuse != nil && s.refuse(n, e) {
			out.Records = append(out.Records, types.PutRecordsResultEntry{ErrorCode: aws.String("ProvisionedThroughputExceededException"), ErrorMessage: aws.String("slow down")})
			continue
		}
		s.arrived = append(s.arrived, *e.PartitionKey+"="+string(e.Data))
		out.Records = append(out.Records, types.PutRecordsResultEntry{ShardId: aws.String("shardId-000000000000"), SequenceNumber: aws.String(fmt.Sprint(len(s.arrived)))})
	}
	return out, nil
}

func newProducer(t *testing.T, s *stream, o producer.Options) *producer.Producer {
	t.Helper()
	o.Stream = "s"
	p, err := producer.New(s, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close(context.Background()) })
	return p
}

func put(t *testing.T, p *producer.Producer, key, data string) *producer.Future {
	t.Helper()
	f, err := p.Put(t.Context(), producer.Record{PartitionKey: key, Data: []byte(data)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestRecordsTravelTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stream{}
		p := newProducer(t, s, producer.Options{Linger: time.Second})
		for i := range 10 {
			put(t, p, "k", fmt.Sprint(i))
		}
		<-time.After(2 * time.Second) // of the bubble
		synctest.Wait()
		if len(s.calls) != 1 || len(s.calls[0]) != 10 {
			t.Errorf("%d calls", len(s.calls))
		}
	})
}

func TestACallHoldsAtMostFiveHundred(t *testing.T) {
	t.Parallel()
	s := &stream{}
	p := newProducer(t, s, producer.Options{Linger: time.Hour})
	for i := range 501 {
		put(t, p, "k", fmt.Sprint(i))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.calls) != 2 || len(s.calls[0])+len(s.calls[1]) != 501 {
		t.Errorf("calls: %d", len(s.calls))
	}
	for _, c := range s.calls {
		if len(c) > producer.MaxBatchRecords {
			t.Errorf("a call of %d records", len(c))
		}
	}
}

func TestAFlushMissesNoRecord(t *testing.T) {
	t.Parallel()
	s := &stream{}
	p := newProducer(t, s, producer.Options{Linger: time.Hour})
	for i := range 2000 { // the flush races with the collection of the record before it
		put(t, p, "k", fmt.Sprint(i))
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.calls) != 2000 {
		t.Errorf("%d calls", len(s.calls))
	}
}

func TestWhatIsPutDuringAFlushDoesNotLinger(t *testing.T) {
	t.Parallel()
	s := &stream{}
	p := newProducer(t, s, producer.Options{Linger: time.Hour})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				f, err := p.Put(t.Context(), producer.Record{PartitionKey: "k", Data: []byte("x")})
				if err != nil {
					t.Error(err)
					return
				}
				if err := p.Flush(t.Context()); err != nil {
					t.Error(err)
					return
				}
				select {
				case <-f.Done():
				default:
					t.Error("flushed, but not arrived")
				}
			}
		})
	}
	wg.Wait()
}

func TestOnlyTheRefusedAreTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stream{refuse: func(call int, e types.PutRecordsRequestEntry) bool { return call == 1 && string(e.Data) == "b" }}
		p := newProducer(t, s, producer.Options{})
		put(t, p, "1", "a")
		f := put(t, p, "2", "b")
		put(t, p, "3", "c")
		res, err := f.Wait(t.Context())
		if err != nil || res.Attempts != 2 || res.SequenceNumber == "" {
			t.Errorf("%+v, %v", res, err)
		}
		if len(s.calls) != 2 || len(s.calls[1]) != 1 || string(s.calls[1][0].Data) != "b" {
			t.Errorf("the second call: %v", s.calls)
		}
	})
}

func TestARecordIsGivenUpAfterItsAttempts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &stream{refuse: func(int, types.PutRecordsRequestEntry) bool { return true }}
		var told error
		p := newProducer(t, s, producer.Options{Attempts: 3, OnDelivered: func(_ producer.Record, _ producer.Result, err error) { told = err }})
		_, err := put(t, p, "1", "a").Wait(t.Context())
		var d *producer.DeliveryError
		if !errors.As(err, &d) || d.Attempts != 3 || d.Code != "ProvisionedThroughputExceededException" {
			t.Errorf("%v", err)
		}
		synctest.Wait()
		if !errors.As(told, &d) {
			t.Errorf("OnDelivered was told %v", told)
		}
	})
}

func TestTheCallersOwnErrorsAreNotTriedAgain(t *testing.T) {
	t.Parallel()
	s := &stream{fail: func(int) error { return &types.ResourceNotFoundException{Message: aws.String("no stream")} }}
	p := newProducer(t, s, producer.Options{Linger: time.Nanosecond})
	_, err := put(t, p, "1", "a").Wait(t.Context())
	var absent *types.ResourceNotFoundException
	if !errors.As(err, &absent) || len(s.calls) != 1 {
		t.Errorf("%v after %d calls", err, len(s.calls))
	}
}

func TestOrderPerKeySurvivesRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]int{}
		s := &stream{refuse: func(_ int, e types.PutRecordsRequestEntry) bool { // every record is refused once
			id := *e.PartitionKey + string(e.Data)
			seen[id]++
			return seen[id] == 1
		}}
		p := newProducer(t, s, producer.Options{Ordered: true, Concurrency: 3})
		const keys, records = 7, 20
		for i := range records {
			for k := range keys {
				put(t, p, fmt.Sprint("k", k), fmt.Sprintf("%03d", i))
			}
		}
		if err := p.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		last := map[string]string{}
		for _, a := range s.arrived {
			key, data, _ := strings.Cut(a, "=")
			if data <= last[key] && last[key] != "" {
				t.Fatalf("key %s: %s came after %s", key, data, last[key])
			}
			last[key] = data
		}
		if len(s.arrived) != keys*records {
			t.Errorf("%d arrived", len(s.arrived))
		}
	})
}

func TestPutBlocksWhileTheBufferIsFull(t *testing.T) {
	t.Parallel()
	s := &stream{gate: make(chan struct{})}
	p := newProducer(t, s, producer.Options{Linger: time.Nanosecond, MaxBufferedBytes: 1000})
	put(t, p, "k", strings.Repeat("x", 700))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Put(ctx, producer.Record{PartitionKey: "k", Data: make([]byte, 700)}); !errors.Is(err, context.Canceled) {
		t.Errorf("a full buffer took a record: %v", err)
	}
	close(s.gate)
	put(t, p, "k", strings.Repeat("y", 700)) // there is room again
}

func TestAggregatedRecordsCanBeUnpacked(t *testing.T) {
	t.Parallel()
	s := &stream{}
	p := newProducer(t, s, producer.Options{Aggregate: true, Linger: time.Hour})
	for i := range 100 {
		put(t, p, fmt.Sprint("k", i%2), fmt.Sprint(i))
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	records := 0
	for _, call := range s.calls {
		for _, e := range call {
			records++
			users, _ := kpl.Deaggregate(*e.PartitionKey, e.Data)
			for _, u := range users {
				got[u.PartitionKey]++
			}
		}
	}
	if got["k0"] != 50 || got["k1"] != 50 || records > 4 {
		t.Errorf("%v in %d records", got, records)
	}
}

func TestCloseSendsWhatIsLeftAndRefusesTheRest(t *testing.T) {
	t.Parallel()
	s := &stream{}
	p := newProducer(t, s, producer.Options{Linger: time.Hour})
	put(t, p, "k", "last")
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(s.arrived) != 1 {
		t.Error("the last record did not arrive")
	}
	if _, err := p.Put(t.Context(), producer.Record{PartitionKey: "k"}); !errors.Is(err, producer.ErrClosed) {
		t.Errorf("Put after Close: %v", err)
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	s := &stream{gate: make(chan struct{})}
	p := newProducer(t, s, producer.Options{Linger: time.Nanosecond})
	f := put(t, p, "k", "stuck")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	if _, err := f.Wait(t.Context()); !errors.Is(err, producer.ErrClosed) {
		t.Errorf("the stuck record: %v", err)
	}
}

func TestRecordsAtTheLimitPassAndOnePastItDoNot(t *testing.T) {
	t.Parallel()
	p := newProducer(t, &stream{}, producer.Options{Linger: time.Nanosecond})
	if _, err := p.Put(t.Context(), producer.Record{PartitionKey: "k", Data: make([]byte, producer.MaxRecordBytes-1)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	if _, err := p.Put(t.Context(), producer.Record{PartitionKey: "k", Data: make([]byte, producer.MaxRecordBytes)}); !errors.Is(err, producer.ErrTooLarge) {
		t.Errorf("past the limit: %v", err)
	}
}
