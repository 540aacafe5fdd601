package sqs

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// DeleteQueue removes a queue and all its messages at once. Its name stays
// taken for 60 seconds.
//
// Errors: QueueDoesNotExist, MissingParameter.
// Differs: the deletion is complete when it is answered, where AWS takes up to 60 seconds.
func (s *Service) DeleteQueue(ctx context.Context, in *sqs.DeleteQueueInput) (*sqs.DeleteQueueOutput, error) {
	q, err := s.queue(ctx, "DeleteQueue", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	s.catMu.Lock()
	defer s.catMu.Unlock()
	q.gate.Lock()
	defer q.gate.Unlock()
	if q.isDeleted() {
		return nil, errQueueDoesNotExist()
	}
	now := s.now()
	err = s.update(ctx, func(tx kv.Txn) error {
		if err := tx.Delete(keyQueue(q.key)); err != nil {
			return err
		}
		if err := tx.Delete(keyReserve(q.id)); err != nil {
			return err
		}
		if s.opts.NameReuseDelay > 0 {
			if err := tx.Set(keyTomb(q.key), encodeUint(uint64(now))); err != nil {
				return err
			}
		}
		r := kv.PrefixRange(kv.Key(kv.SpaceSQS, "t", q.arn))
		if err := tx.DeleteRange(r.Start, r.End); err != nil {
			return err
		}
		return clearTables(tx, q.id, tables)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	delete(s.queues, q.key)
	s.mu.Unlock()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deleted, q.idx = true, newIndex(q.fifo)
	q.wakeAll()
	return nil, nil
}

func clearTables(tx kv.Txn, id uint64, names []string) error {
	for _, t := range names {
		r := kv.PrefixRange(kv.Key(kv.SpaceSQS, t, id))
		if err := tx.DeleteRange(r.Start, r.End); err != nil {
			return err
		}
	}
	return nil
}

// PurgeQueue removes all messages of a queue, also those in flight.
//
// Limits: once in 60 seconds.
// Errors: QueueDoesNotExist, MissingParameter, PurgeQueueInProgress.
// Differs: the messages are gone when it is answered, where AWS takes up to 60 seconds.
func (s *Service) PurgeQueue(ctx context.Context, in *sqs.PurgeQueueInput) (*sqs.PurgeQueueOutput, error) {
	q, err := s.queue(ctx, "PurgeQueue", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	now := s.now()
	return nil, q.change(ctx, func(rec *record) error {
		if rec.Purged != 0 && now < rec.Purged+PurgeInterval.Milliseconds() {
			return aws.Errorf("PurgeQueueInProgress", "Only one PurgeQueue operation on %s is allowed every 60 seconds.", q.key.name)
		}
		rec.Purged = now
		return nil
	}, func(tx kv.Txn) error {
		return clearTables(tx, q.id, []string{"m", "s", "a"})
	}, func() {
		q.idx, q.attempts = newIndex(q.fifo), map[string]attemptRecord{}
	})
}

// change rewrites a queue's record while nothing else happens to the queue.
// with, if not nil, writes more in the same commit; after runs under mu once it
// has succeeded.
func (q *queue) change(ctx context.Context, edit func(*record) error, with func(kv.Txn) error, after func()) error {
	q.gate.Lock()
	defer q.gate.Unlock()
	if q.isDeleted() {
		return errQueueDoesNotExist()
	}
	rec := q.rec.clone()
	if err := edit(&rec); err != nil {
		return err
	}
	set, err := parseSettings(rec.Attributes)
	if err != nil {
		return err
	}
	err = q.svc.update(ctx, func(tx kv.Txn) error {
		if with != nil {
			if err := with(tx); err != nil {
				return err
			}
		}
		return putRecord(tx, q.key, rec)
	})
	if err != nil {
		return err
	}
	q.settle(func(int64) {
		q.rec, q.set = rec, set
		if after != nil {
			after()
		}
	})
	return nil
}

// GetQueueUrl answers the URL of a queue of that name.
//
// Errors: QueueDoesNotExist, MissingParameter.
// Differs: nothing.
func (s *Service) GetQueueUrl(ctx context.Context, in *sqs.GetQueueUrlInput) (*sqs.GetQueueUrlOutput, error) {
	if in.QueueName == nil || *in.QueueName == "" {
		return nil, errMissing("QueueName")
	}
	r := aws.RequestFrom(ctx)
	k := queueKey{r.Account(), r.Region, *in.QueueName}
	if in.QueueOwnerAWSAccountId != nil && *in.QueueOwnerAWSAccountId != "" {
		k.account = *in.QueueOwnerAWSAccountId
	}
	q := s.find(k)
	if q == nil {
		return nil, errQueueDoesNotExist()
	}
	if err := s.authorize(ctx, "GetQueueUrl", q); err != nil {
		return nil, err
	}
	url := s.url(ctx, k)
	return &sqs.GetQueueUrlOutput{QueueUrl: &url}, nil
}
