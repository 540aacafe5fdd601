package sqs

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// The methods in this file are the service as other parts of the platform use
// it: queues are named by ARN, and no policy is asked.

// Info is what a consumer of a queue needs to know of it.
type Info struct {
	ARN        string
	FIFO       bool
	Visibility time.Duration // the default visibility timeout
	// Visible, Delayed and InFlight are numbers of messages.
	Visible, Delayed, InFlight int
}

func (s *Service) byARN(arn string) (*queue, error) {
	q := s.findARN(arn)
	if q == nil {
		return nil, errQueueDoesNotExist()
	}
	return q, nil
}

// Queue describes a queue; QueueDoesNotExist if there is none.
func (s *Service) Queue(arn string) (Info, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return Info{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idx.advance(s.now())
	return Info{
		ARN: q.arn, FIFO: q.fifo, Visibility: msDuration(q.set.visibility),
		Visible: q.idx.visible, Delayed: q.idx.delayed, InFlight: q.idx.inflight + q.idx.claimed,
	}, nil
}

// Queues lists the ARNs of all queues of all accounts, in no particular order.
func (s *Service) Queues() []string {
	var out []string
	for _, q := range s.all() {
		out = append(out, q.arn)
	}
	return out
}

// Send stores a message in a queue: in.QueueUrl is ignored. It returns once the
// message is durable, with the errors of SendMessage.
func (s *Service) Send(ctx context.Context, arn string, in *SendMessageInput) (*sqs.SendMessageOutput, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	return q.sendOne(ctx, in)
}

// Receive hands out up to limit messages (1 to MaxReceive) with all their
// attributes, and waits up to wait for the first; it is woken by their arrival.
// A negative visibility is the queue's own. It returns nothing, and no error,
// when the wait ends or the service closes, and ctx's error when ctx ends first.
func (s *Service) Receive(ctx context.Context, arn string, limit int, wait, visibility time.Duration) ([]types.Message, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	w := wish{max: min(max(limit, 1), MaxReceive), wait: wait.Milliseconds(), visibility: visibility.Milliseconds()}
	if visibility < 0 {
		q.mu.Lock()
		w.visibility = q.set.visibility
		q.mu.Unlock()
	}
	got, err := q.receive(ctx, w)
	if err != nil {
		return nil, err
	}
	out := make([]types.Message, len(got))
	for i, d := range got {
		out[i] = q.present(d, []string{"All"}, []string{"All"})
	}
	return out, nil
}

// Delete removes the messages of receipt handles in one commit, any number of
// them, with an answer for each in their order (nil: deleted). The error is that of the commit.
func (s *Service) Delete(ctx context.Context, arn string, handles []string) ([]error, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	return q.remove(ctx, handles)
}

// ChangeVisibility lets the messages of receipt handles be visible again after
// d from now, with an answer for each in their order.
func (s *Service) ChangeVisibility(ctx context.Context, arn string, handles []string, d time.Duration) ([]error, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	changes := make([]change, len(handles))
	for i, h := range handles {
		changes[i] = change{h, d.Milliseconds()}
	}
	return q.changeVisibility(ctx, changes)
}
