package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/twmb/avro"

	"github.com/leatdev/leat/producer"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

var schemaTasks = []task{
	{"schemas", "schema by id", (*run).schemaByID},
	{"schemas", "serde", (*run).serdes},
	{"schemas", "producer", (*run).producing},
}

// benchSchema is an Avro schema of a payment of ten fields, as the one with number n.
func benchSchema(n int) string {
	return fmt.Sprintf(`{"type":"record","name":"Payment%d","namespace":"bench","fields":[`+
		`{"name":"id","type":"string"},{"name":"account","type":"string"},{"name":"payee","type":"string"},{"name":"amount","type":"long"},`+
		`{"name":"currency","type":"string"},{"name":"madeAt","type":"long"},{"name":"fee","type":"double"},{"name":"urgent","type":"boolean"},`+
		`{"name":"reference","type":["null","string"],"default":null},{"name":"batch","type":"int"}]}`, n)
}

type benchPayment struct {
	ID        string  `avro:"id"`
	Account   string  `avro:"account"`
	Payee     string  `avro:"payee"`
	Amount    int64   `avro:"amount"`
	Currency  string  `avro:"currency"`
	MadeAt    int64   `avro:"madeAt"`
	Fee       float64 `avro:"fee"`
	Urgent    bool    `avro:"urgent"`
	Reference *string `avro:"reference"`
	Batch     int32   `avro:"batch"`
}

// knownSchemas is how many different schemas are asked for.
const knownSchemas = 16

// schemaByID is what every deserialiser asks once for each id, and every replica of it again.
func (r *run) schemaByID(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("schema by id, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.50, "")}}
	if r.leat.RegistryURL == "" {
		f.Skipped = "the address of the registry is not known"
		return []Figure{f}
	}
	front := &Server{URL: r.leat.RegistryURL, PID: r.leat.PID}
	requests, answer, err := r.knownSchemas(ctx, front)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	c := make(calls, r.size.Workers)
	for w := range c {
		c[w] = requests
	}
	f, _, err = r.compare(ctx, f, 1,
		&side{server: front, workers: r.size.Workers, step: leatStep(c, func(_, i int, body []byte) error {
			if !bytes.Contains(body, fmt.Appendf(nil, `\"Payment%02d\"`, 10+i%knownSchemas)) {
				return fmt.Errorf("another schema: %.200s", body)
			}
			return nil
		})},
		&side{server: r.bare, workers: r.size.Workers, step: bareStep(c, answer)})
	return []Figure{f.failed(err)}
}

// knownSchemas registers the schemas and gives the requests for them, and how long an answer is.
func (r *run) knownSchemas(ctx context.Context, front *Server) (requests [][]byte, answer int, err error) {
	reg := registry.Confluent(front.URL)
	conn, err := Dial(ctx, front.addr())
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	subject := r.name("subject")
	for n := range knownSchemas {
		v, err := reg.Register(ctx, fmt.Sprint(subject, n), registry.Definition{Type: schema.Avro, Text: benchSchema(10 + n)})
		if err != nil {
			return nil, 0, err
		}
		request := fmt.Appendf(nil, "GET /schemas/ids/%s HTTP/1.1\r\nHost: %s\r\nAccept: application/vnd.schemaregistry.v1+json\r\n\r\n", v.ID, front.addr())
		reply, err := conn.Do(request)
		if err != nil {
			return nil, 0, err
		}
		if reply.Status != http.StatusOK {
			return nil, 0, refused("a look-up", reply)
		}
		requests, answer = append(requests, request), len(reply.Body)
	}
	return requests, answer, nil
}

// serdes compares package serde with the Avro library alone, in this process: the
// header and the look-up of the schema are to be nearly free.
func (r *run) serdes(ctx context.Context) []Figure {
	f := Figure{
		Name: "serde, Avro payment of 10 fields", Unit: "round trips/s", goals: []goal{atLeast("ratio", 1/1.3, "")},
		Note: "the bare side is the Avro library alone, without schema ids, in the same process; both are measured by processor time",
	}
	reg := &oneSchema{}
	s, err := serde.New[benchPayment](reg, serde.Schema(schema.Avro, benchSchema(0)))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	bare, err := avro.Parse(benchSchema(0))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	reference := "invoice 4711"
	in := benchPayment{"p-1", "CH93 0076 2011 6238 5295 7", "Ada Lovelace", 125_000, "CHF", 1_767_225_600_000, 0.25, true, &reference, 7}
	buf := make([]byte, 0, 512)
	with := func() error {
		data, err := s.AppendEncode(ctx, buf[:0], "payments", &in)
		if err != nil {
			return err
		}
		out, err := s.Decode(ctx, data)
		return same(in, out, err)
	}
	without := func() error {
		data, err := bare.AppendEncode(buf[:0], &in)
		if err != nil {
			return err
		}
		var out benchPayment
		_, err = bare.Decode(data, &out)
		return same(in, out, err)
	}
	slice := r.opts.Duration / rounds
	var bareCalls int
	var spent, bareSpent time.Duration
	for range rounds {
		if err := errors.Join(repeat(without, time.Duration(float64(slice)*bareShare), &bareCalls, &bareSpent), repeat(with, slice, &f.Calls, &spent)); err != nil {
			return []Figure{f.failed(err)}
		}
	}
	f.Rate, f.BareRate = float64(f.Calls)/spent.Seconds(), float64(bareCalls)/bareSpent.Seconds()
	f.Ratio = f.Rate / f.BareRate
	return []Figure{f}
}

func same(in, out benchPayment, err error) error {
	if err == nil && (out.ID != in.ID || out.Batch != in.Batch) {
		err = fmt.Errorf("%+v came back as %+v", in, out)
	}
	return err
}

// repeat does something for a while. What it spent is this process's processor time, which others on the machine
// do not lengthen, or the time by the clock where the system does not tell.
func repeat(do func() error, d time.Duration, n *int, spent *time.Duration) error {
	const chunk = 100 // between two looks at the clock
	began, used := time.Now(), cpu(os.Getpid())
	for {
		for range chunk {
			if err := do(); err != nil {
				return err
			}
		}
		*n += chunk
		took := time.Since(began)
		if took < d {
			continue
		}
		if used = cpu(os.Getpid()) - used; used > 0 {
			took = used
		}
		*spent += took
		return nil
	}
}

// oneSchema is a registry that knows one schema, without a network.
type oneSchema struct {
	mu    sync.Mutex
	known *schema.Schema
}

func (o *oneSchema) ByID(context.Context, registry.ID) (*schema.Schema, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known, nil
}

func (o *oneSchema) Register(_ context.Context, subject string, def registry.Definition) (registry.Version, error) {
	s, err := schema.Parse(def.Type, def.Text, nil, nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.known = s
	return registry.Version{ID: registry.ID{Number: 1}, Subject: subject, Number: 1, Schema: s}, err
}

func (o *oneSchema) Lookup(ctx context.Context, subject string, def registry.Definition) (registry.Version, error) {
	return o.Register(ctx, subject, def)
}

func (o *oneSchema) Latest(context.Context, string) (registry.Version, error) {
	return registry.Version{}, registry.ErrNotFound
}

// producing compares package producer, with its direct client and one record a Put,
// with prepared batches like those of the figure PutRecords, on the same server.
func (r *run) producing(ctx context.Context) []Figure {
	f := Figure{
		Name: "producer, records one by one", Unit: "records/s", goals: []goal{atLeast("ratio", 0.90, ""), atMost("memory", 64, "MiB")},
	}
	stream, err := r.makeStream(ctx, batchShards)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	records := newRing(batchWorkers, batchRing, r.size.Batch, batchKeys)
	if err := records.sign(r.putRecordsRequest(stream)); err != nil {
		return []Figure{f.failed(err)}
	}
	batches := &side{server: r.leat, workers: batchWorkers, step: leatStep(records.calls, r.allPut)}
	defer batches.close()
	if err := batches.dial(ctx); err != nil {
		return []Figure{f.failed(err)}
	}
	p, err := r.newPutting(stream)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	slice := r.opts.Duration / rounds
	var prepared, produced spending
	for i := range rounds {
		r.progress("%s: %d of %d", f.Name, i+1, rounds)
		err := prepared.during(r.leat, func() error { return batches.run(time.Duration(float64(slice) * bareShare)) })
		if err == nil {
			err = produced.during(r.leat, func() error { return p.run(ctx, slice, records) })
		}
		if err != nil {
			return []Figure{f.failed(err)}
		}
	}
	f.Calls, f.Rate = int(p.arrived.Load()), float64(p.arrived.Load())/p.spent.Seconds()
	f.BareRate = batches.rate() * float64(r.size.Batch)
	f.Note = fmt.Sprintf("the bare side is prepared PutRecords calls on the same server; the memory is the live heap that the producer added to this process. "+
		"A produced record costs %s, a prepared one %s", produced.per(f.Calls), prepared.per(batches.calls()*r.size.Batch))
	f.Ratio, f.MiB = f.Rate/f.BareRate, float64(p.peak)/(1<<20)
	return []Figure{f.failed(p.close(ctx))}
}

// spending is the processor time of both ends.
type spending struct{ here, server time.Duration }

func (s *spending) during(server *Server, do func() error) error {
	here, there := cpu(os.Getpid()), cpu(server.PID)
	err := do()
	s.here += cpu(os.Getpid()) - here
	s.server += cpu(server.PID) - there
	return err
}

func (s *spending) per(records int) string {
	us := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(max(records, 1)) }
	return fmt.Sprintf("%.1f µs here and %.1f µs in the server", us(s.here), us(s.server))
}

// putting is a producer under load.
type putting struct {
	producer *producer.Producer
	arrived  atomic.Int64
	lost     atomic.Pointer[error]
	spent    time.Duration
	peak     uint64 // of the heap, above what was there before
}

func (r *run) newPutting(stream string) (*putting, error) {
	p := &putting{}
	client := producer.Direct(aws.Config{
		Region: r.caller.region, BaseEndpoint: aws.String(r.leat.URL),
		Credentials: credentials.StaticCredentialsProvider{Value: r.caller.credentials},
	})
	var err error
	p.producer, err = producer.New(client, producer.Options{Stream: stream, Concurrency: batchWorkers, MaxBatchRecords: r.size.Batch,
		OnDelivered: func(_ producer.Record, _ producer.Result, err error) {
			if err != nil {
				p.lost.Store(&err)
				return
			}
			p.arrived.Add(1)
		}})
	return p, err
}

// run puts records one by one for d, from as many goroutines as there are connections, and waits until all have arrived.
func (p *putting) run(ctx context.Context, d time.Duration, records *ring) error {
	before, began := heap(), time.Now()
	until := began.Add(d)
	errs := make([]error, len(records.records))
	var wg sync.WaitGroup
	for w, laps := range records.records {
		wg.Go(func() {
			for i := 0; time.Now().Before(until) && errs[w] == nil; i++ {
				for _, rec := range laps[i%len(laps)] {
					if _, err := p.producer.Put(ctx, producer.Record{PartitionKey: rec.key, Data: rec.data}); err != nil {
						errs[w] = err
						break
					}
				}
				if now := heap(); w == 0 && now > before {
					p.peak = max(p.peak, now-before)
				}
			}
		})
	}
	wg.Wait()
	err := errors.Join(append(errs, p.producer.Flush(ctx))...)
	p.spent += time.Since(began)
	return err
}

func (p *putting) close(ctx context.Context) error {
	err := p.producer.Close(ctx)
	if lost := p.lost.Load(); lost != nil {
		err = errors.Join(err, *lost)
	}
	return err
}

// heap is what the last collection found alive, in bytes.
func heap() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}
