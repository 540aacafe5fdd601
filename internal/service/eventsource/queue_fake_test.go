package eventsource_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/service/eventsource"
)

// queue is a Queue over memory.
type queue struct {
	mu       sync.Mutex
	messages []*message
	n        int
	now      func() time.Time
	timeout  time.Duration
	wake     chan struct{}
}

type message struct {
	eventsource.Message
	hidden time.Time
}

func newQueue(now func() time.Time) *queue {
	return &queue{now: now, timeout: 30 * time.Second, wake: make(chan struct{})}
}

func (q *queue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, b := range bodies {
		q.n++
		q.messages = append(q.messages, &message{Message: eventsource.Message{
			ID: fmt.Sprintf("m%d", q.n), ReceiptHandle: fmt.Sprintf("r%d", q.n), Body: b, MD5OfBody: "md5",
			Attributes: map[string]string{"SenderId": "A", "ApproximateReceiveCount": "1", "Zz": "last"},
		}})
	}
	q.awaken()
}

func (q *queue) awaken() {
	close(q.wake)
	q.wake = make(chan struct{})
}

func (q *queue) bodies() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := []string{}
	for _, m := range q.messages {
		list = append(list, m.Body)
	}
	return list
}

func (q *queue) Describe(_ context.Context, arn string) (eventsource.QueueInfo, error) {
	if arn != queueARN {
		return eventsource.QueueInfo{}, eventsource.ErrNotFound
	}
	return eventsource.QueueInfo{VisibilityTimeout: q.timeout}, nil
}

func (q *queue) Receive(ctx context.Context, _ string, max int) ([]eventsource.Message, error) {
	for {
		q.mu.Lock()
		var out []eventsource.Message
		for _, m := range q.messages {
			if len(out) < max && !m.hidden.After(q.now()) {
				m.hidden = q.now().Add(q.timeout)
				out = append(out, m.Message)
			}
		}
		wake := q.wake
		q.mu.Unlock()
		if len(out) > 0 {
			return out, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return nil, nil
		}
	}
}

func (q *queue) Delete(_ context.Context, _ string, handles []string) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = slices.DeleteFunc(q.messages, func(m *message) bool { return slices.Contains(handles, m.ReceiptHandle) })
	return nil
}

func (q *queue) ChangeVisibility(_ context.Context, _ string, handles []string, d time.Duration) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if slices.Contains(handles, m.ReceiptHandle) {
			m.hidden = q.now().Add(d)
		}
	}
	q.awaken()
	return nil
}
