package sqs_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/service/sqs"
)

// tally checks that what is handled comes in order per group, once each.
type tally struct {
	mu    sync.Mutex
	last  map[string]int
	seen  int
	wrong error
	// working is held for reading while a consumer works: time passes only when
	// nobody does, so that no visibility timeout ends under a consumer's hands.
	working sync.RWMutex
}

func (y *tally) handle(body string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	group, text, _ := strings.Cut(body, ":")
	var n int
	_, _ = fmt.Sscan(text, &n)
	if n != y.last[group]+1 && y.wrong == nil {
		y.wrong = fmt.Errorf("%s was handled after number %d", body, y.last[group])
	}
	y.last[group] = n
	y.seen++
}

func (y *tally) fail(err error) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.wrong == nil {
		y.wrong = err
	}
}

// TestTenThousandMessagesOfAHundredGroupsAreHandledInOrderOnceEach has eight
// consumers, each of which crashes on every eleventh receipt: it forgets what it got.
func TestTenThousandMessagesOfAHundredGroupsAreHandledInOrderOnceEach(t *testing.T) {
	t.Parallel()
	const groups, each = 100, 100
	w := newWorld(t)
	q := w.create("orders.fifo", map[string]string{"ContentBasedDeduplication": "true"})
	for n := 1; n <= each; n++ {
		for g := 0; g < groups; g += sqs.MaxBatch {
			in := &sqs.SendMessageBatchInput{QueueUrl: &q}
			for i := range sqs.MaxBatch {
				group := fmt.Sprint("g", g+i)
				in.Entries = append(in.Entries, sqs.SendMessageBatchEntry{Id: aws.String(fmt.Sprint(i)), MessageGroupId: &group, MessageBody: aws.String(fmt.Sprint(group, ":", n))})
			}
			for range 1 + n%2 { // every other batch is sent twice, as a producer without an answer does
				if out, err := w.s.SendMessageBatch(ctx(), in); err != nil || len(out.Failed) > 0 {
					t.Fatalf("%+v %v", out, err)
				}
			}
		}
	}
	y := &tally{last: map[string]int{}}
	var consumers sync.WaitGroup
	for c := range 8 {
		consumers.Add(1)
		go func() {
			defer consumers.Done()
			y.consume(w, q, c, groups*each)
		}()
	}
	consumers.Wait()
	if y.wrong != nil || y.seen != groups*each {
		t.Fatalf("%d handled, %v", y.seen, y.wrong)
	}
}

// consume handles batches until all is done.
func (y *tally) consume(w *world, q string, seed, all int) {
	for i := seed; ; i++ {
		y.mu.Lock()
		done := y.seen >= all || y.wrong != nil
		y.mu.Unlock()
		if done {
			return
		}
		if !y.work(w, q, i%11 == 0) {
			y.working.Lock()
			w.clock.Advance(time.Second) // what crashed consumers had comes back in time
			y.working.Unlock()
		}
	}
}

// work receives a batch, handles it and deletes it; a crashing consumer forgets
// it. It tells whether there was one.
func (y *tally) work(w *world, q string, crash bool) bool {
	y.working.RLock()
	defer y.working.RUnlock()
	out, err := w.s.ReceiveMessage(ctx(), &sqs.ReceiveMessageInput{QueueUrl: &q, MaxNumberOfMessages: aws.Int32(10)})
	if err != nil {
		y.fail(err)
		return false
	}
	if len(out.Messages) == 0 || crash {
		return len(out.Messages) > 0
	}
	in := &sdk.DeleteMessageBatchInput{QueueUrl: &q}
	for i, m := range out.Messages {
		y.handle(*m.Body)
		in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprint(i)), ReceiptHandle: m.ReceiptHandle})
	}
	deleted, err := w.s.DeleteMessageBatch(ctx(), in)
	if err != nil || len(deleted.Failed) > 0 {
		y.fail(fmt.Errorf("deletion: %+v %w", deleted, err))
	}
	return true
}
