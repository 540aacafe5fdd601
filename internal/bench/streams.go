package bench

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

var streamTasks = []task{
	{"streams", "PutRecord", (*run).putRecord},
	{"streams", "PutRecord, one connection", (*run).putRecordAlone},
	{"streams", "PutRecords", (*run).putRecords},
	{"streams", "GetRecords drain", (*run).drain},
	{"streams", "put to SubscribeToShard", (*run).subscribe},
	{"streams", "memory and start", (*run).startAndMemory},
}

// makeStream creates a stream and waits until it takes records.
func (r *run) makeStream(ctx context.Context, shards int) (string, error) {
	name := r.name("stream")
	if err := r.call(kinesisAPI, "CreateStream", map[string]any{"StreamName": name, "ShardCount": shards}, nil); err != nil {
		return "", err
	}
	return name, await(ctx, "stream "+name, func() (bool, error) {
		var out struct{ StreamDescriptionSummary struct{ StreamStatus string } }
		err := r.call(kinesisAPI, "DescribeStreamSummary", map[string]any{"StreamName": name}, &out)
		return out.StreamDescriptionSummary.StreamStatus == "ACTIVE", err
	})
}

func (r *run) putRecordRequest(stream string) func([]record) ([]byte, error) {
	return func(rs []record) ([]byte, error) {
		body := fmt.Appendf(nil, `{"StreamName":%q,"PartitionKey":%q,"Data":"%s"}`, stream, rs[0].key, base64.StdEncoding.EncodeToString(rs[0].data))
		return r.caller.json(kinesisAPI, "PutRecord", body)
	}
}

func (r *run) putRecordsRequest(stream string) func([]record) ([]byte, error) {
	return func(rs []record) ([]byte, error) {
		body := fmt.Appendf(nil, `{"StreamName":%q,"Records":[`, stream)
		for i, rec := range rs {
			if i > 0 {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"PartitionKey":%q,"Data":"%s"}`, rec.key, base64.StdEncoding.EncodeToString(rec.data))
		}
		return r.caller.json(kinesisAPI, "PutRecords", append(body, "]}"...))
	}
}

func (r *run) putRecord(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("PutRecord, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.40, ""), atMost("CPU", 45, "µs")}}
	return []Figure{r.put(ctx, f, r.size.Workers)}
}

func (r *run) putRecordAlone(ctx context.Context) []Figure {
	f := Figure{Name: "PutRecord, 1 connection", Unit: "calls/s", goals: []goal{atMost("p50", 1, "ms")}}
	return []Figure{r.put(ctx, f, 1)}
}

// put measures PutRecord and reads back what it put.
func (r *run) put(ctx context.Context, f Figure, workers int) Figure {
	stream, err := r.makeStream(ctx, 4)
	if err != nil {
		return f.failed(err)
	}
	records := newRing(workers, r.size.Ring, 1, 1)
	if err := records.sign(r.putRecordRequest(stream)); err != nil {
		return f.failed(err)
	}
	answer, err := r.probe(stream)
	if err != nil {
		return f.failed(err)
	}
	last := make([]string, workers)
	f, done, err := r.versus(ctx, f, 1, workers, leatStep(records.calls, func(w, _ int, body []byte) error {
		seq := between(body, `"SequenceNumber":"`, `"`)
		if !later(seq, last[w]) {
			return fmt.Errorf("sequence number %q came after %q", seq, last[w])
		}
		last[w] = seq
		return nil
	}), bareStep(records.calls, answer))
	if err != nil {
		return f.failed(err)
	}
	return f.failed(r.verify(stream, records.follow(done.next)))
}

// probeKey marks the one record of a stream that only asks how long an answer is.
const probeKey = "probe"

func (r *run) probe(stream string) (int, error) {
	request, err := r.putRecordRequest(stream)([]record{{probeKey, nil}})
	if err != nil {
		return 0, err
	}
	return r.answerSize(request)
}

// later compares sequence numbers, decimal numbers of any length.
func later(a, b string) bool {
	return len(a) > len(b) || len(a) == len(b) && a > b
}

// between is the text behind start up to end, empty when it is not there.
func between(b []byte, start, end string) string {
	_, rest, _ := bytes.Cut(b, []byte(start))
	v, _, ok := bytes.Cut(rest, []byte(end))
	if !ok {
		return ""
	}
	return string(v)
}

// Connections and shards of the figures that move batches.
const (
	batchWorkers = 4
	batchShards  = 4
	batchKeys    = 32 // partition keys of one connection
	batchRing    = 8  // different calls of one connection
)

func (r *run) putRecords(ctx context.Context) []Figure {
	f := Figure{
		Name: fmt.Sprintf("PutRecords, %d a call, %d connections", r.size.Batch, batchWorkers), Unit: "records/s",
		goals: []goal{atLeast("rate", 150_000, "records/s")},
	}
	stream, err := r.makeStream(ctx, batchShards)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	records := newRing(batchWorkers, batchRing, r.size.Batch, batchKeys)
	if err := records.sign(r.putRecordsRequest(stream)); err != nil {
		return []Figure{f.failed(err)}
	}
	one, err := r.probe(stream)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	f, done, err := r.versus(ctx, f, float64(r.size.Batch), batchWorkers, leatStep(records.calls, r.allPut), bareStep(records.calls, one*r.size.Batch))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	f.Note = fmt.Sprintf("%.0f MB/s of record data", f.Rate*payloadBytes/1e6)
	return []Figure{f.failed(r.verify(stream, records.follow(done.next)))}
}

// allPut checks the reply of PutRecords: all records taken, each with its place.
func (r *run) allPut(_, _ int, body []byte) error {
	if !bytes.Contains(body, []byte(`"FailedRecordCount":0`)) || bytes.Count(body, []byte(`"SequenceNumber"`)) != r.size.Batch {
		return fmt.Errorf("not all records were taken: %.300s", body)
	}
	return nil
}

// shardReader reads one shard from its beginning.
type shardReader struct {
	caller   *caller
	conn     *Conn
	iterator string
}

// page is a reply of GetRecords.
type page struct {
	Records []struct {
		Data           []byte
		PartitionKey   string
		SequenceNumber string
	}
	NextShardIterator  *string
	MillisBehindLatest int64
}

func (r *run) shards(stream string) ([]string, error) {
	var out struct{ Shards []struct{ ShardId string } }
	if err := r.call(kinesisAPI, "ListShards", map[string]any{"StreamName": stream}, &out); err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range out.Shards {
		ids = append(ids, s.ShardId)
	}
	return ids, nil
}

func (r *run) reader(stream, shard string, conn *Conn) (*shardReader, error) {
	var out struct{ ShardIterator string }
	err := r.call(kinesisAPI, "GetShardIterator", map[string]any{"StreamName": stream, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}, &out)
	return &shardReader{caller: r.caller, conn: conn, iterator: out.ShardIterator}, err
}

// next reads one page, raw; more is false once the reader has caught up. The body is valid until the next call.
func (s *shardReader) next() (body []byte, more bool, err error) {
	request, err := s.caller.json(kinesisAPI, "GetRecords", fmt.Appendf(nil, `{"ShardIterator":%q,"Limit":10000}`, s.iterator))
	if err != nil {
		return nil, false, err
	}
	reply, err := s.conn.Do(request)
	if err != nil {
		return nil, false, err
	}
	if reply.Status != 200 {
		return nil, false, refused("GetRecords", reply)
	}
	// The iterator stands at one end of the reply or the other, behind megabytes of records.
	s.iterator = between(reply.Body[max(0, len(reply.Body)-2048):], `"NextShardIterator":"`, `"`)
	if s.iterator == "" {
		s.iterator = between(reply.Body, `"NextShardIterator":"`, `"`)
	}
	behind := between(reply.Body[max(0, len(reply.Body)-2048):], `"MillisBehindLatest":`, "}")
	if behind == "" {
		behind = between(reply.Body, `"MillisBehindLatest":`, "}")
	}
	more = !(len(behind) > 0 && behind[0] == '0')
	return reply.Body, more, nil
}

// verify reads a stream back, shard by shard.
func (r *run) verify(stream string, f *follower) error {
	r.progress("reading back")
	ids, err := r.shards(stream)
	if err != nil {
		return err
	}
	for _, id := range ids {
		reader, err := r.reader(stream, id, r.control)
		if err != nil {
			return err
		}
		for more := true; more; {
			var body []byte
			if body, more, err = reader.next(); err != nil {
				return err
			}
			if err := f.page(body); err != nil {
				return fmt.Errorf("shard %s: %w", id, err)
			}
		}
	}
	return f.done()
}

func (f *follower) page(body []byte) error {
	var p page
	if err := json.Unmarshal(body, &p); err != nil {
		return err
	}
	for _, rec := range p.Records {
		if rec.PartitionKey == probeKey {
			continue
		}
		if err := f.see(rec.PartitionKey, rec.Data); err != nil {
			return err
		}
	}
	return nil
}

// drain measures readers that catch up: one connection a shard, whole passes over the
// stream until the time is over. The replies are kept, and decoded and checked behind the clock.
func (r *run) drain(ctx context.Context) []Figure {
	f := Figure{Name: "GetRecords drain, 4 connections", Unit: "records/s", goals: []goal{atLeast("rate", 300_000, "records/s")}}
	stream, err := r.makeStream(ctx, batchShards)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	records, done, err := r.fill(stream)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	ids, err := r.shards(stream)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	var bytesRead, passes int
	var spent, used time.Duration
	for spent < r.opts.Duration {
		r.progress("%s: pass %d", f.Name, passes+1)
		before := cpu(r.leat.PID)
		pages, took, err := r.pass(ctx, stream, ids)
		if err != nil {
			return []Figure{f.failed(err)}
		}
		spent, used, passes = spent+took, used+cpu(r.leat.PID)-before, passes+1
		follower := records.follow(done)
		for _, p := range pages {
			bytesRead += len(p)
			f.Calls++
			if err := follower.page(p); err != nil {
				return []Figure{f.failed(err)}
			}
		}
		if err := follower.done(); err != nil {
			return []Figure{f.failed(err)}
		}
	}
	total := float64(passes * r.filled(done))
	f.Rate = total / spent.Seconds()
	f.CPU = float64(used.Microseconds()) / float64(f.Calls)
	f.Note = fmt.Sprintf("%.2f µs of the server a record; %.0f MB/s of JSON", float64(used.Microseconds())/total, float64(bytesRead)/1e6/spent.Seconds())
	return []Figure{r.bareDrain(ctx, f, total/float64(f.Calls), bytesRead/f.Calls)}
}

// bareDrain puts a bare server's answers of the same size beside a drain.
func (r *run) bareDrain(ctx context.Context, f Figure, perCall float64, answer int) Figure {
	request, err := r.caller.json(kinesisAPI, "GetRecords", fmt.Appendf(nil, `{"ShardIterator":%q,"Limit":10000}`, make([]byte, 200)))
	if err != nil {
		return f.failed(err)
	}
	c := make(calls, batchWorkers)
	for w := range c {
		c[w] = [][]byte{request}
	}
	b := &side{server: r.bare, workers: batchWorkers, step: bareStep(c, answer)}
	defer b.close()
	if err := errors.Join(b.dial(ctx), b.run(time.Duration(float64(r.opts.Duration)*bareShare))); err != nil {
		return f.failed(err)
	}
	f.BareRate, f.BareCPU = b.rate()*perCall, b.cpuPerCall()
	f.Ratio = f.Rate / f.BareRate
	return f
}

// fill puts the records of a drain and tells how many calls each worker made.
func (r *run) fill(stream string) (*ring, []int, error) {
	records := newRing(batchWorkers, batchRing, r.size.Batch, batchKeys)
	if err := records.sign(r.putRecordsRequest(stream)); err != nil {
		return nil, nil, err
	}
	done := make([]int, batchWorkers)
	for r.filled(done) < r.size.DrainRecords {
		for w := range done {
			reply, err := r.control.Do(records.calls.of(w, done[w]))
			if err != nil {
				return nil, nil, err
			}
			if err := r.allPut(w, 0, reply.Body); err != nil {
				return nil, nil, err
			}
			done[w]++
		}
	}
	return records, done, nil
}

func (r *run) filled(done []int) (n int) {
	for _, d := range done {
		n += d * r.size.Batch
	}
	return n
}

// pass reads the whole stream once, all shards at a time.
func (r *run) pass(ctx context.Context, stream string, ids []string) (pages [][]byte, took time.Duration, err error) {
	readers := make([]*shardReader, len(ids))
	for i, id := range ids {
		conn, err := Dial(ctx, r.leat.addr())
		if err != nil {
			return nil, 0, err
		}
		defer func() { _ = conn.Close() }()
		if readers[i], err = r.reader(stream, id, conn); err != nil {
			return nil, 0, err
		}
	}
	kept, errs := make([][][]byte, len(ids)), make([]error, len(ids))
	var wg sync.WaitGroup
	began := time.Now()
	for i, reader := range readers {
		wg.Go(func() {
			for more := true; more && errs[i] == nil; {
				var body []byte
				if body, more, errs[i] = reader.next(); errs[i] == nil {
					kept[i] = append(kept[i], body)
					reader.conn.buf = nil // the reply is kept
				}
			}
		})
	}
	wg.Wait()
	took = time.Since(began)
	for _, k := range kept {
		pages = append(pages, k...)
	}
	return pages, took, errors.Join(errs...)
}

// itoa keeps the builders of requests short.
func itoa(n int) string { return strconv.Itoa(n) }
