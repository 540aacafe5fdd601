package eventsource

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// maxQueueEvent is what the records of an SQS event may take.
const maxQueueEvent = machine.MaxEventBytes - machine.EnvelopeBytes

// received is a message on its way to the function.
type received struct {
	msg  Message
	data []byte // as it stands in "Records"
	at   time.Time
}

// runQueue gathers batches and hands them to as many invocations as the mapping allows.
func (r *runner) runQueue() {
	sem := make(chan struct{}, r.mapping.concurrency())
	var wg sync.WaitGroup
	defer wg.Wait()
	gather, cancel := context.WithCancel(r.ctx)
	defer cancel()
	wg.Go(func() {
		select {
		case <-r.stop:
			cancel()
		case <-gather.Done():
		}
	})
	var carry []received
	failures := 0
	for {
		// A free slot comes before messages: what is received waits invisibly.
		select {
		case sem <- struct{}{}:
		case <-gather.Done():
			r.putBack(carry)
			return
		}
		batch, rest, err := r.gather(gather, carry)
		carry = rest
		if gather.Err() != nil {
			r.putBack(append(batch, carry...))
			return
		}
		if err != nil {
			failures++
			<-sem
			r.s.opts.Logger.Warn("queue could not be read", "arn", r.mapping.SourceARN, "error", err)
			if !r.sleep(pause(failures)) {
				return
			}
			continue
		}
		failures = 0
		if len(batch) == 0 {
			<-sem
			continue
		}
		wg.Go(func() {
			defer func() { <-sem }()
			r.handleBatch(batch)
		})
	}
}

// gather waits for messages and collects them until the batch is full or its
// window is over. What does not fit is left for the next batch.
func (r *runner) gather(ctx context.Context, carry []received) (batch, rest []received, err error) {
	size := 0
	add := func(list []received) {
		for i, m := range list {
			if len(batch) == r.mapping.BatchSize || (len(batch) > 0 && size+len(m.data)+1 > maxQueueEvent) {
				rest = append(rest, list[i:]...)
				return
			}
			size += len(m.data) + 1
			batch = append(batch, m)
		}
	}
	add(carry)
	window := seconds(r.mapping.BatchingWindow)
	waiting := ctx
	for len(batch) < r.mapping.BatchSize && len(rest) == 0 {
		if len(batch) > 0 {
			if window == 0 {
				break
			}
			if waiting == ctx {
				var cancel context.CancelFunc
				waiting, cancel = context.WithCancel(ctx)
				defer cancel()
				timer := r.s.opts.Clock.AfterFunc(window, cancel)
				defer timer.Stop()
			}
		}
		list, err := r.receive(waiting, r.mapping.BatchSize-len(batch))
		if err != nil && len(batch) == 0 {
			return nil, rest, err
		}
		add(list)
		if err != nil || waiting.Err() != nil {
			break
		}
	}
	return batch, rest, nil
}

// receive gives the messages that the filters select; the others are deleted.
func (r *runner) receive(ctx context.Context, max int) ([]received, error) {
	list, err := r.s.opts.Queue.Receive(ctx, r.mapping.SourceARN, max)
	if err != nil || len(list) == 0 {
		if ctx.Err() != nil {
			err = nil
		}
		return nil, err
	}
	r.add(&r.counts.polled, "PolledEventCount", len(list))
	now := r.s.opts.Clock.Now()
	var keep []received
	var drop []string
	for i := range list {
		m := &list[i]
		var metadata []byte
		if r.filter.NeedsMetadata() {
			metadata = r.appendMessage(nil, m, false)
		}
		switch v := r.filter.Match(metadata, []byte(m.Body)); v {
		case eventpattern.Matched:
			keep = append(keep, received{msg: *m, data: r.appendMessage(nil, m, true), at: now})
			continue
		case eventpattern.NotJSON:
			r.counts.notJSON.Add(1)
		}
		r.add(&r.counts.filtered, "FilteredOutEventCount", 1)
		drop = append(drop, m.ReceiptHandle)
	}
	r.delete(drop)
	return keep, nil
}

func (r *runner) delete(handles []string) {
	if len(handles) == 0 {
		return
	}
	// Messages that cannot be deleted come again, which is what at least once means.
	if err := r.s.opts.Queue.Delete(r.ctx, r.mapping.SourceARN, handles); err != nil {
		r.s.opts.Logger.Warn("messages were not deleted", "arn", r.mapping.SourceARN, "error", err)
		return
	}
	r.add(&r.counts.deleted, "DeletedEventCount", len(handles))
}

// putBack makes messages visible again that nobody will handle.
func (r *runner) putBack(list []received) {
	if len(list) == 0 || r.ctx.Err() != nil {
		return
	}
	handles := make([]string, len(list))
	for i := range list {
		handles[i] = list[i].msg.ReceiptHandle
	}
	if err := r.s.opts.Queue.ChangeVisibility(r.ctx, r.mapping.SourceARN, handles, 0); err != nil {
		r.s.opts.Logger.Warn("messages were not put back", "arn", r.mapping.SourceARN, "error", err)
	}
}

// handleBatch invokes the function and deletes what it handled. A failed batch
// is left alone: its messages return when their visibility timeout is over.
func (r *runner) handleBatch(batch []received) {
	inv := machine.Invoke{Records: make([]machine.Record, len(batch))}
	ids := make([]string, len(batch))
	for i := range batch {
		inv.Records[i].Data = batch[i].data
		ids[i] = batch[i].msg.ID
	}
	payload := r.streamEvent("", &inv)
	res := r.invoke("", payload, ids)
	for attempt := 1; res.Outcome == machine.NotReached; attempt++ {
		if !r.mayRetry(batch, pause(attempt)) || !r.sleep(pause(attempt)) {
			r.putBack(batch)
			return
		}
		res = r.invoke("", payload, ids)
	}
	if res.Outcome != machine.Succeeded {
		return
	}
	r.delete(r.handled(batch, res.Response))
}

// mayRetry tells whether the messages would still be hidden after a pause.
func (r *runner) mayRetry(batch []received, wait time.Duration) bool {
	q, err := r.s.opts.Queue.Describe(r.ctx, r.mapping.SourceARN)
	if err != nil {
		return !errors.Is(err, ErrNotFound)
	}
	return r.s.opts.Clock.Now().Add(wait).Before(batch[0].at.Add(q.VisibilityTimeout))
}

// handled gives the receipt handles of the messages that the function handled.
func (r *runner) handled(batch []received, response []byte) []string {
	failed := map[string]bool{}
	if r.mapping.ReportItemFailures {
		ids, ok := machine.ItemFailures(response)
		if !ok {
			return nil
		}
		for _, id := range ids {
			failed[id] = true
		}
	}
	var handles []string
	for i := range batch {
		if !failed[batch[i].msg.ID] {
			handles = append(handles, batch[i].msg.ReceiptHandle)
		}
		delete(failed, batch[i].msg.ID)
	}
	if len(failed) > 0 {
		return nil // an identifier that is not in the batch fails all of it
	}
	return handles
}
