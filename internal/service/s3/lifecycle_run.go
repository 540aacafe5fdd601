package s3

import (
	"context"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Limits of carrying out lifecycle rules.
const (
	// lifecycleWake is how often it is looked whether a new day has come: a
	// machine that slept finds out within it.
	lifecycleWake = time.Hour
	// lifecycleRetry is the pause after a failure.
	lifecycleRetry = time.Minute
	// lifecycleBatch bounds the objects, and uploads, that one look finds.
	lifecycleBatch = 1000
)

// lifecycle carries out the rules of all buckets: at midnight UTC, when
// everything that falls due does so, at the start, and when rules change.
type lifecycle struct {
	s     *Service
	ctx   context.Context
	stop  context.CancelFunc
	group sync.WaitGroup
	kick  chan struct{} // rules have changed
}

func newLifecycle(s *Service) *lifecycle {
	l := &lifecycle{s: s, kick: make(chan struct{}, 1)}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l
}

func (l *lifecycle) start() {
	l.group.Add(1)
	go l.run()
}

func (l *lifecycle) close() {
	l.stop()
	l.group.Wait()
}

// changed has the rules looked at now; called after they are stored.
func (l *lifecycle) changed() {
	select {
	case l.kick <- struct{}{}:
	default:
	}
}

func (l *lifecycle) run() {
	defer l.group.Done()
	for {
		now := l.s.clock.Now().UTC()
		next := now.Truncate(day).Add(day)
		if err := l.s.expire(l.ctx); err != nil && l.ctx.Err() == nil {
			l.s.log.Error("carrying out lifecycle rules failed", "error", err)
			next = now.Add(lifecycleRetry)
		}
		if !l.wait(next) {
			return
		}
	}
}

// wait returns at a moment, or earlier when rules have changed; false when the service closes.
func (l *lifecycle) wait(until time.Time) bool {
	for {
		timer := l.s.clock.NewTimer(min(until.Sub(l.s.clock.Now()), lifecycleWake))
		if !l.s.clock.Now().Before(until) { // it may have come while the timer was armed
			timer.Stop()
			return l.ctx.Err() == nil
		}
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return false
		case <-l.kick:
			timer.Stop()
			return true
		case <-timer.C():
		}
	}
}

// expire removes what the rules of all buckets say is to go by now.
func (s *Service) expire(ctx context.Context) error {
	s.mu.RLock()
	var list []*bucketRecord
	for _, b := range s.buckets {
		if len(b.rules) > 0 {
			list = append(list, b)
		}
	}
	s.mu.RUnlock()
	for _, b := range list {
		if err := s.expireObjects(ctx, b); err != nil && !aws.IsCode(err, "NoSuchBucket") {
			return err
		}
		if err := s.expireUploads(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) expireObjects(ctx context.Context, b *bucketRecord) error {
	now := s.clock.Now()
	due := func(key string, o *objectRecord) bool {
		at, _, ok := b.expiry(key, o)
		return ok && !at.After(now)
	}
	ev := event{name: "LifecycleExpiration:Delete", id: newRequestID(), region: b.Region, principal: "s3.amazonaws.com", time: now.UnixMilli()}
	for after := ""; ctx.Err() == nil; {
		keys, last, err := s.scanObjects(ctx, b.Name, after, due)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			may := make([]condition, len(keys))
			for i, key := range keys {
				may[i] = func(o *objectRecord) error { // it may have been replaced since
					if o != nil && !due(key, o) {
						return errPrecondition("lifecycle")
					}
					return nil
				}
			}
			if _, err := s.drop(ctx, b.Name, keys, may, ev); err != nil {
				return err
			}
		}
		if last == "" {
			return nil
		}
		after = last
	}
	return ctx.Err()
}

// scanObjects finds keys of objects behind one that are due; last is where to go on, "" at the end.
func (s *Service) scanObjects(ctx context.Context, bucket, after string, due func(string, *objectRecord) bool) (keys []string, last string, err error) {
	l := &listing{after: after, limit: lifecycleBatch}
	if err := s.store.View(ctx, func(r kv.Reader) error { return l.run(r, bucket) }); err != nil {
		return nil, "", err
	}
	for i := range l.entries {
		if e := &l.entries[i]; due(e.key, &e.rec) {
			keys = append(keys, e.key)
		}
	}
	if l.truncated {
		last = l.last
	}
	return keys, last, nil
}

func (s *Service) expireUploads(ctx context.Context, b *bucketRecord) error {
	now := s.clock.Now()
	prefix := prefixUploads(b.Name)
	rng := kv.PrefixRange(prefix)
	for ctx.Err() == nil {
		var found []uploadRecord
		var last []byte
		seen := 0
		err := s.store.View(ctx, func(r kv.Reader) error {
			found, last, seen = nil, nil, 0
			return r.Scan(rng, func(key, value []byte) error {
				var up uploadRecord
				if err := decode(value, &up); err != nil {
					return err
				}
				if at, _, ok := b.abortion(&up); ok && !at.After(now) {
					found = append(found, up)
				}
				last = append(last[:0], key...)
				if seen++; seen >= lifecycleBatch {
					return kv.ErrStop
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, up := range found {
			if err := s.abort(ctx, up.Bucket, up.Key, up.ID); err != nil && !aws.IsCode(err, "NoSuchUpload") {
				return err
			}
		}
		if seen < lifecycleBatch {
			return nil
		}
		rng.Start = kv.After(last)
	}
	return ctx.Err()
}
