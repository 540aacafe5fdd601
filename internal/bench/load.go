package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// rounds is how often the bare server and Leat take turns within a figure.
const rounds = 4

// bareShare is the time the bare server gets for each second of Leat's.
const bareShare = 0.4

// step makes call number i of worker w on its connection and checks the reply.
type step func(c *Conn, w, i int) error

// side is one server's part of a figure, over all its slices.
type side struct {
	server  *Server
	workers int
	step    step

	conns     []*Conn
	next      []int // per worker: how many calls it has made
	latencies [][]time.Duration
	elapsed   time.Duration
	cpu       time.Duration
}

func (s *side) dial(ctx context.Context) error {
	s.next = make([]int, s.workers)
	s.latencies = make([][]time.Duration, s.workers)
	for range s.workers {
		c, err := Dial(ctx, s.server.addr())
		if err != nil {
			return err
		}
		s.conns = append(s.conns, c)
	}
	return nil
}

func (s *side) close() {
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// run lets all workers call for d.
func (s *side) run(d time.Duration) error {
	errs := make([]error, s.workers)
	var wg sync.WaitGroup
	before, began := cpu(s.server.PID), time.Now()
	until := began.Add(d)
	for w := range s.workers {
		wg.Go(func() { errs[w] = s.work(w, until) })
	}
	wg.Wait()
	s.elapsed += time.Since(began)
	s.cpu += cpu(s.server.PID) - before
	return errors.Join(errs...)
}

func (s *side) work(w int, until time.Time) error {
	for at := time.Now(); at.Before(until); {
		if err := s.step(s.conns[w], w, s.next[w]); err != nil {
			return fmt.Errorf("connection %d, call %d: %w", w, s.next[w], err)
		}
		s.next[w]++
		now := time.Now()
		s.latencies[w] = append(s.latencies[w], now.Sub(at))
		at = now
	}
	return nil
}

func (s *side) calls() (n int) {
	for _, k := range s.next {
		n += k
	}
	return n
}

func (s *side) rate() float64 {
	if s.elapsed == 0 {
		return 0
	}
	return float64(s.calls()) / s.elapsed.Seconds()
}

// cpuPerCall is in microseconds.
func (s *side) cpuPerCall() float64 {
	if s.calls() == 0 {
		return 0
	}
	return float64(s.cpu.Microseconds()) / float64(s.calls())
}

// versus runs Leat and the bare server in turns and puts what came out into a figure. per is how many
// records, items or messages one call carries.
func (r *run) versus(ctx context.Context, f Figure, per float64, workers int, leat, bare step) (Figure, *side, error) {
	return r.compare(ctx, f, per, &side{server: r.leat, workers: workers, step: leat}, &side{server: r.bare, workers: workers, step: bare})
}

// compare is versus for sides of one's own.
func (r *run) compare(ctx context.Context, f Figure, per float64, l, b *side) (Figure, *side, error) {
	defer l.close()
	defer b.close()
	if err := errors.Join(l.dial(ctx), b.dial(ctx)); err != nil {
		return f, l, err
	}
	slice := r.opts.Duration / rounds
	for i := range rounds {
		r.progress("%s: %d of %d", f.Name, i+1, rounds)
		if err := b.run(time.Duration(float64(slice) * bareShare)); err != nil {
			return f, l, fmt.Errorf("bare server: %w", err)
		}
		if err := l.run(slice); err != nil {
			return f, l, err
		}
	}
	f.Calls = l.calls()
	f.Rate, f.BareRate = l.rate()*per, b.rate()*per
	if f.BareRate > 0 {
		f.Ratio = f.Rate / f.BareRate
	}
	f.CPU, f.BareCPU = l.cpuPerCall(), b.cpuPerCall()
	f.P50, f.P99 = percentiles(slices.Concat(l.latencies...))
	return f, l, nil
}

// percentiles are in milliseconds.
func percentiles(d []time.Duration) (p50, p99 float64) {
	if len(d) == 0 {
		return 0, 0
	}
	slices.Sort(d)
	ms := func(p float64) float64 {
		return float64(d[int(p*float64(len(d)-1))].Nanoseconds()) / 1e6
	}
	return ms(0.50), ms(0.99)
}
