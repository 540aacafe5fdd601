package sqs_test

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/service/sqs"
)

// record is what senders and receivers of a FIFO queue were told.
type record struct {
	mu       sync.Mutex
	sent     map[string]bool // acknowledged
	deleting map[string]bool // a deletion was asked for
	deleted  map[string]bool // acknowledged
	wrong    error
}

func newRecord() *record {
	return &record{sent: map[string]bool{}, deleting: map[string]bool{}, deleted: map[string]bool{}}
}

func (r *record) clone() *record {
	c := newRecord()
	for from, to := range map[*map[string]bool]*map[string]bool{&r.sent: &c.sent, &r.deleting: &c.deleting, &r.deleted: &c.deleted} {
		for k := range *from {
			(*to)[k] = true
		}
	}
	return c
}

// delivered checks a delivery: not what was deleted, and nothing of a group
// before what came earlier in it and still has to be handled.
func (r *record) delivered(body string, deletedBefore bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if deletedBefore && r.wrong == nil {
		r.wrong = fmt.Errorf("%s was delivered after its deletion was acknowledged", body)
	}
	group, text, _ := strings.Cut(body, ":")
	n, _ := strconv.Atoi(text)
	for k := range n {
		if b := fmt.Sprint(group, ":", k); r.sent[b] && !r.deleting[b] && r.wrong == nil {
			r.wrong = fmt.Errorf("%s was delivered before %s", body, b)
		}
	}
}

// load sends to and consumes from a queue with several workers until its
// context of work is done or the store is gone.
func (r *record) load(w *world, q string, perGroup int) *sync.WaitGroup {
	var group sync.WaitGroup
	for g := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			for n := range perGroup {
				body := fmt.Sprint("g", g, ":", n)
				_, err := w.s.SendMessage(ctx(), &sqs.SendMessageInput{QueueUrl: &q, MessageBody: &body, MessageGroupId: aws.String(fmt.Sprint(g)), MessageDeduplicationId: &body})
				if err != nil {
					return
				}
				r.mu.Lock()
				r.sent[body] = true
				r.mu.Unlock()
			}
		}()
	}
	for range 3 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 2 * perGroup {
				if !r.consume(w, q) {
					return
				}
			}
		}()
	}
	return &group
}

// consume handles one message.
func (r *record) consume(w *world, q string) bool {
	r.mu.Lock()
	deleted := r.clone().deleted
	r.mu.Unlock()
	out, err := w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q})
	if err != nil {
		return false
	}
	for _, m := range out.Messages {
		r.delivered(*m.Body, deleted[*m.Body])
		r.mu.Lock()
		r.deleting[*m.Body] = true
		r.mu.Unlock()
		if _, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: m.ReceiptHandle}); err != nil {
			return false
		}
		r.mu.Lock()
		r.deleted[*m.Body] = true
		r.mu.Unlock()
	}
	return true
}

// cutPower loads a FIFO queue, cuts the power in the middle, and checks what
// comes back against what had been acknowledged by then.
func cutPower(t testing.TB, seed uint64) error {
	w := newWorld(t)
	q := w.create("orders.fifo", nil)
	r := newRecord()
	workers := r.load(w, q, 20)
	for { // somewhere in the middle, at a place that differs with the seed
		r.mu.Lock()
		if len(r.sent) >= 10+int(seed%50) || r.wrong != nil {
			break
		}
		r.mu.Unlock()
		r.consume(w, q)
	}
	then := r.clone()
	after := kvtest.Crash(w.fs, seed, int(seed*37%101))
	r.mu.Unlock()
	workers.Wait()
	if r.wrong != nil {
		return r.wrong
	}
	w.close()
	w.fs = after
	w.open()
	w.clock.Advance(time.Hour)
	seen := map[string]bool{}
	for {
		out, err := w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q, MaxNumberOfMessages: aws.Int32(10)})
		if err != nil {
			return fmt.Errorf("after the power cut: %w", err)
		}
		if len(out.Messages) == 0 {
			break
		}
		for _, m := range out.Messages {
			if then.deleted[*m.Body] {
				return fmt.Errorf("%s is back after its deletion was acknowledged", *m.Body)
			}
			seen[*m.Body] = true
			if _, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: m.ReceiptHandle}); err != nil {
				return err
			}
		}
	}
	for body := range then.sent {
		if !seen[body] && !then.deleting[body] { // a deletion asked for and not acknowledged may have happened or not
			return fmt.Errorf("%s was acknowledged and is lost", body)
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
