package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

const (
	// starts is how often the start is timed.
	starts = 5
	// settle is how long a server is left alone before its memory is called idle.
	settle = 5 * time.Second
	// rssBound is what four producers may make Leat take: its write buffers and caches
	// and their bodies (docs/performance.md adds them up), in MiB.
	rssBound = 400
)

// startAndMemory measures servers that it starts itself on the data directory of the run,
// which holds by now what the other figures have left there.
func (r *run) startAndMemory(ctx context.Context) []Figure {
	start := Figure{Name: "exec to first ListStreams", goals: []goal{atMost("p50", 150, "ms")}}
	idle := Figure{Name: "memory, idle", goals: []goal{atMost("memory", 40, "MiB")}}
	busy := Figure{Name: fmt.Sprintf("memory, %d producers, a stuck reader", batchWorkers), goals: []goal{atMost("memory", rssBound, "MiB")}}
	if r.opts.Command == nil {
		const why = "only with servers that the benchmark starts"
		start.Skipped, idle.Skipped, busy.Skipped = why, why, why
		return []Figure{start, idle, busy}
	}
	if err := r.stopLeat(); err != nil {
		return []Figure{start.failed(err)}
	}
	size := dirSize(r.dataDir())
	var took []time.Duration
	for i := range starts {
		r.progress("%s: %d of %d", start.Name, i+1, starts)
		d, rss, err := r.timeStart(ctx, i == starts-1)
		if err != nil {
			return []Figure{start.failed(err)}
		}
		took = append(took, d)
		idle.MiB = rss
	}
	slices.Sort(took)
	start.Calls = starts
	start.P50, start.P99 = percentiles(took)
	start.Note = fmt.Sprintf("on a data directory of %.0f MiB", size)
	idle.Note = fmt.Sprintf("%s after start, on a data directory of %.0f MiB", settle, size)
	if err := r.restart(ctx); err != nil {
		return []Figure{start, idle, busy.failed(err)}
	}
	return []Figure{start, idle, r.memoryUnderLoad(ctx, busy)}
}

// timeStart runs a server until it has answered ListStreams, and, if asked, until it has come to rest.
func (r *run) timeStart(ctx context.Context, rest bool) (took time.Duration, rss float64, err error) {
	addr, err := freeAddr()
	if err != nil {
		return 0, 0, err
	}
	caller := newCaller(addr)
	request, err := caller.json(kinesisAPI, "ListStreams", []byte("{}"))
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	s, out, err := launch(r.opts.Command(r.dataDir(), addr))
	if err != nil {
		return 0, 0, err
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
	err = await(ctx, "first ListStreams", func() (bool, error) {
		conn, err := Dial(ctx, addr)
		if err != nil {
			return false, nil // not listening yet
		}
		defer func() { _ = conn.Close() }()
		reply, err := conn.Do(request)
		if err == nil && reply.Status != 200 {
			err = refused("ListStreams", reply)
		}
		took = time.Since(began)
		return true, err
	})
	if err == nil && rest {
		time.Sleep(settle)
		rss = memory(s.PID, "VmRSS")
	}
	return took, rss, errors.Join(err, s.Stop())
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// memoryUnderLoad lets producers run flat out while a subscriber does not read, and takes
// the most memory the server ever had.
func (r *run) memoryUnderLoad(ctx context.Context, f Figure) Figure {
	stream, err := r.makeStream(ctx, batchShards)
	if err != nil {
		return f.failed(err)
	}
	stuck, err := r.stuckReader(ctx, stream)
	if err != nil {
		return f.failed(err)
	}
	defer stuck.Close()
	records := newRing(batchWorkers, batchRing, r.size.Batch, batchKeys)
	if err := records.sign(r.putRecordsRequest(stream)); err != nil {
		return f.failed(err)
	}
	s := &side{server: r.leat, workers: batchWorkers, step: leatStep(records.calls, r.allPut)}
	defer s.close()
	r.progress("%s", f.Name)
	if err := errors.Join(s.dial(ctx), s.run(r.opts.Duration)); err != nil {
		return f.failed(err)
	}
	f.Calls, f.MiB = s.calls(), memory(r.leat.PID, "VmHWM")
	time.Sleep(settle)
	f.Note = fmt.Sprintf("the peak, at %s records/s for %s; %.0f MiB %s later", thousands(s.rate()*float64(r.size.Batch)), r.opts.Duration, memory(r.leat.PID, "VmRSS"), settle)
	return f
}

// stuckReader subscribes and never reads.
func (r *run) stuckReader(ctx context.Context, stream string) (net.Conn, error) {
	consumer, err := r.consumer(ctx, stream)
	if err != nil {
		return nil, err
	}
	ids, err := r.shards(stream)
	if err != nil {
		return nil, err
	}
	request, err := r.caller.json(kinesisAPI, "SubscribeToShard",
		fmt.Appendf(nil, `{"ConsumerARN":%q,"ShardId":%q,"StartingPosition":{"Type":"TRIM_HORIZON"}}`, consumer, ids[0]))
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.leat.addr())
	if err != nil {
		return nil, err
	}
	_, err = conn.Write(request)
	return conn, err
}
