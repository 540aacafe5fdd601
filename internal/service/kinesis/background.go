package kinesis

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// How often the background work is done.
const (
	trimEvery  = time.Minute
	scaleEvery = 5 * time.Second
)

// chore is the background work: one goroutine, started by Start and stopped by Close.
type chore struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// Start begins to trim expired records and to scale on-demand streams. It returns at
// once; Close ends it. A second Start does nothing.
func (s *Service) Start() {
	s.chore.mu.Lock()
	defer s.chore.mu.Unlock()
	if s.chore.cancel != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.chore.cancel, s.chore.done = cancel, make(chan struct{})
	go s.work(ctx, s.chore.done)
}

// Close ends the background work and waits for it. The store stays open: it is its opener's.
func (s *Service) Close() error {
	s.chore.mu.Lock()
	cancel, done := s.chore.cancel, s.chore.done
	s.chore.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
	return nil
}

func (s *Service) work(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	trim := s.clock.NewTimer(trimEvery)
	defer trim.Stop()
	scale := s.clock.NewTimer(scaleEvery)
	defer scale.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-trim.C():
			s.report("trim expired records", s.Trim(ctx))
			trim.Reset(trimEvery)
		case <-scale.C():
			s.report("scale on-demand streams", s.Scale(ctx))
			scale.Reset(scaleEvery)
		}
	}
}

// report logs what a round of background work failed with. A store that is full or closed
// has said so itself.
func (s *Service) report(what string, err error) {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, kv.ErrClosed) || errors.Is(err, kv.ErrFull) {
		return
	}
	s.logger.Error("kinesis: background work failed", "work", what, "error", err)
}

// Trim removes what retention no longer keeps. The background work calls it every minute.
func (s *Service) Trim(ctx context.Context) error {
	_, err := s.log.Trim(ctx)
	return err
}
