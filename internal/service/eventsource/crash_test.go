package eventsource_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/eventsource"
)

var crashCycles = flag.Int("crash.cycles", 6, "power cuts to survive")

// ledger is a function that remembers what it handled, and fails now and then.
type ledger struct {
	mu       sync.Mutex
	rng      *rand.Rand
	handled  map[string]int // times
	keys     map[string]int // last handled of each key in this life
	disorder string
	cut      bool // the power is gone: nothing reaches the function any more
}

func (l *ledger) Function(context.Context, string) (eventsource.Function, error) {
	return eventsource.Function{ARN: fnARN, Role: roleARN}, nil
}

func (l *ledger) Invoke(_ context.Context, in eventsource.Invocation) (eventsource.Response, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		return eventsource.Response{}, context.Canceled
	}
	if l.rng.IntN(8) == 0 {
		return eventsource.Response{FunctionError: "Unhandled", StatusCode: 200}, nil
	}
	for _, data := range strings.Fields((call{Invocation: in}).data()) {
		key, n := 0, 0
		if _, err := fmt.Sscanf(data, "%d:%d", &key, &n); err != nil {
			panic(err)
		}
		name := in.Cause.Shard + "/" + fmt.Sprint(key)
		if last, ok := l.keys[name]; ok && n < last {
			l.disorder = fmt.Sprintf("%s: %d after %d", name, n, last)
		}
		l.keys[name] = n
		l.handled[in.Cause.Shard+"/"+data]++
	}
	return eventsource.Response{StatusCode: 200}, nil
}

func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.handled)
}

func TestNothingIsLostOverPowerCuts(t *testing.T) {
	t.Parallel()
	const perCycle, lanes, batch = 400, 3, 20
	rng := rand.New(rand.NewPCG(1, 2))
	src := newStream(streamARN, time.Now, "shard-0", "shard-1")
	fn := &ledger{rng: rng, handled: map[string]int{}, keys: map[string]int{}}
	fs := vfs.NewCrashableMem()
	open := func() (kv.Store, *eventsource.Service) {
		store := kvtest.Open(t, fs)
		s := eventsource.New(eventsource.Options{Store: store, Kinesis: src, Invoker: fn})
		if err := s.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		return store, s
	}
	store, s := open()
	defer func() { s.Close() }()
	_, err := s.CreateEventSourceMapping(context.Background(), &input{
		FunctionName: ptr("handler"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionLatest,
		BatchSize: ptr(int32(batch)), ParallelizationFactor: ptr(int32(lanes)), BisectBatchOnFunctionError: ptr(true),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t}
	n := 0
	for cycle := range *crashCycles {
		before := n
		go func() {
			for i := range perCycle {
				src.put(fmt.Sprintf("shard-%d", i%2), fmt.Sprintf("%d:%d", i%7, before+i))
			}
		}()
		n += perCycle
		goal := before + perCycle/4 + int(uint(cycle*37)%uint(perCycle/2))
		w.eventually("some are handled", func() bool { return fn.count() >= goal })
		fn.mu.Lock()
		fn.cut = true
		fs = kvtest.Crash(fs, uint64(cycle), 50)
		fn.mu.Unlock()
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		fn.mu.Lock()
		fn.cut, fn.keys = false, map[string]int{}
		fn.mu.Unlock()
		store, s = open()
		w.eventually("all are handled", func() bool { return fn.count() == n })
	}
	fn.mu.Lock()
	defer fn.mu.Unlock()
	if fn.disorder != "" {
		t.Error(fn.disorder)
	}
	twice := 0
	for _, times := range fn.handled {
		twice += times - 1
	}
	// Per power cut and shard: one checkpoint being stored and the work one ahead of it, in every lane.
	if bound := *crashCycles * 2 * 2 * lanes * batch; twice > bound {
		t.Errorf("%d records were handled twice, bound %d", twice, bound)
	}
	t.Logf("%d records, %d power cuts, %d handled twice", n, *crashCycles, twice)
}

// A change of settings lets what is under way end, so it costs nothing twice.
func TestChangingAMappingUnderLoadHandlesEveryRecordOnce(t *testing.T) {
	t.Parallel()
	const records, changes = 2000, 25
	src := newStream(streamARN, time.Now, "shard-0", "shard-1")
	var mu sync.Mutex
	handled, last, disorder := map[string]int{}, map[string]int{}, ""
	fn := functionOf(func(in eventsource.Invocation) {
		mu.Lock()
		defer mu.Unlock()
		for _, data := range strings.Fields((call{Invocation: in}).data()) {
			handled[data]++
			var key, n int
			if _, err := fmt.Sscanf(data, "%d:%d", &key, &n); err != nil {
				panic(err)
			}
			if name := fmt.Sprint(in.Cause.Shard, key); n < last[name] {
				disorder = fmt.Sprintf("%s: %d after %d", name, n, last[name])
			} else {
				last[name] = n
			}
		}
	})
	s := eventsource.New(eventsource.Options{Store: kvtest.New(t), Kinesis: src, Invoker: fn})
	defer s.Close()
	w := &world{t: t, s: s}
	uuid := w.create(func(in *input) { in.BatchSize, in.ParallelizationFactor = ptr(int32(7)), ptr(int32(4)) })
	go func() {
		for i := range records {
			src.put(fmt.Sprintf("shard-%d", i%2), fmt.Sprintf("%d:%d", i%9, i))
		}
	}()
	for i := range changes {
		enabled := i%3 != 1
		_, err := s.UpdateEventSourceMapping(context.Background(), &sdk.UpdateEventSourceMappingInput{
			UUID: &uuid, Enabled: &enabled, BatchSize: ptr(int32(i%10 + 1)), ParallelizationFactor: ptr(int32(i%5 + 1)),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := map[bool]string{true: "Enabled", false: "Disabled"}[enabled]
		w.eventually(want, func() bool { return *w.get(uuid).State == want })
	}
	w.eventually("all are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(handled) == records })
	mu.Lock()
	defer mu.Unlock()
	if disorder != "" {
		t.Error(disorder)
	}
	for data, times := range handled {
		if times != 1 {
			t.Errorf("%s was handled %d times", data, times)
		}
	}
}
