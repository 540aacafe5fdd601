package sns_test

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/sns"
)

// acks is what publishers were told, by topic kind and group: how many messages
// were acknowledged, each publisher sending one after the other.
type acks struct {
	mu sync.Mutex
	n  map[string]int
}

const perGroup = 25

// load publishes to a topic, one publisher per group, until the store is gone.
func (a *acks) load(w *world, topic, kind string) *sync.WaitGroup {
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			group := fmt.Sprint(kind, g)
			for i := range perGroup {
				body := fmt.Sprint(group, ":", i)
				in := &sdk.PublishInput{TopicArn: &topic, Message: &body}
				if kind == "fifo" {
					in.MessageGroupId, in.MessageDeduplicationId = &group, &body
				}
				if _, err := w.s.Publish(ctx(), in); err != nil {
					return
				}
				a.mu.Lock()
				a.n[group]++
				a.mu.Unlock()
			}
		})
	}
	return &wg
}

func (a *acks) total() (n int) {
	for _, k := range a.n {
		n += k
	}
	return n
}

// flaky refuses the first attempts at some messages, as often as they are
// repeated at once.
func flaky(seed uint64) func(arn, body string) error {
	tries := map[string]int{}
	return func(arn, body string) error {
		key := arn + body
		tries[key]++
		if uint64(len(body)+int(body[len(body)-1])+len(arn))%4 == seed%4 && tries[key] <= 2 {
			return errors.New("down")
		}
		return nil
	}
}

// idle waits until no message is left to deliver.
func (w *world) idle() error {
	for {
		left := 0
		err := w.store.View(ctx(), func(r kv.Reader) error {
			left = 0
			return r.Scan(kv.PrefixRange(kv.Key(kv.SpaceSNS, "m")), func([]byte, []byte) error { left++; return nil })
		})
		if err != nil || left == 0 {
			return err
		}
		w.clock.Advance(time.Second) // for retries
		runtime.Gosched()
	}
}

// cutPower publishes to a standard and a FIFO topic with two queues each, cuts
// the power in the middle, and checks what the queues have in the end.
func cutPower(t testing.TB, seed uint64) error {
	w := newWorld(t)
	queues := map[string][]string{"std": {queueARN("a"), queueARN("b")}, "fifo": {queueARN("a.fifo"), queueARN("b.fifo")}}
	topics := map[string]string{"std": w.topic("news", nil), "fifo": w.topic("news.fifo", nil)}
	for kind, list := range queues {
		for _, q := range list {
			w.subscribe(topics[kind], "sqs", q, raw)
		}
	}
	w.q.setFail(flaky(seed))
	a := &acks{n: map[string]int{}}
	groups := []*sync.WaitGroup{a.load(w, topics["std"], "std"), a.load(w, topics["fifo"], "fifo")}
	for {
		a.mu.Lock()
		if a.total() >= 5+int(seed*7%100) {
			break
		}
		a.mu.Unlock()
		runtime.Gosched()
	}
	w.q.mu.Lock() // what is delivered after this moment was not delivered
	acked, before := maps.Clone(a.n), map[string][]sns.QueueMessage{}
	for arn, got := range w.q.got {
		before[arn] = slices.Clone(got)
	}
	after := kvtest.Crash(w.fs, seed, int(seed*37%101))
	w.q.mu.Unlock()
	a.mu.Unlock()
	for _, g := range groups {
		g.Wait()
	}
	w.close()
	w.fs, w.q.got = after, map[string][]sns.QueueMessage{}
	w.q.setFail(nil)
	w.open()
	if err := w.idle(); err != nil {
		return err
	}
	_ = w.s.Close()
	for kind, list := range queues {
		for _, q := range list {
			if err := checkQueue(kind, acked, before[q], w.q.got[q]); err != nil {
				return fmt.Errorf("%s: %w", q, err)
			}
		}
	}
	return nil
}

// checkQueue looks for every acknowledged message, and, of a FIFO topic, for
// deliveries out of turn: in each life a group goes up, and nothing comes
// before what was acknowledged before it.
func checkQueue(kind string, acked map[string]int, lives ...[]sns.QueueMessage) error {
	seen := map[string]bool{}
	for _, life := range lives {
		last := map[string]int{}
		for _, m := range life {
			group, text, _ := strings.Cut(m.Body, ":")
			var n int
			if _, err := fmt.Sscan(text, &n); err != nil {
				return err
			}
			seen[m.Body] = true
			if kind != "fifo" {
				continue
			}
			if prev, ok := last[group]; ok && n <= prev {
				return fmt.Errorf("%s came after %d", m.Body, prev)
			}
			last[group] = n
			for before := range n {
				if !seen[fmt.Sprint(group, ":", before)] {
					return fmt.Errorf("%s came before %d", m.Body, before)
				}
			}
		}
	}
	for group, n := range acked {
		for i := range n {
			if body := fmt.Sprint(group, ":", i); strings.HasPrefix(group, kind) && !seen[body] {
				return fmt.Errorf("%s was acknowledged and did not come", body)
			}
		}
	}
	return nil
}

func TestPowerCutsUnderLoadLoseNothingAndKeepOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(25) {
		if err := cutPower(t, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}
