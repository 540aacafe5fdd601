package bench

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

var pathTasks = []task{
	{"path", "stream to function to table", (*run).wholePath},
	{"path", "PutRecord to invoked", (*run).putToInvoked},
	{"path", "Invoke, warm", (*run).warmInvoke},
	{"path", "cold start", (*run).coldStarts},
	{"path", "Invoke, warm, by language", (*run).warmByLanguage},
}

func architecture() types.Architecture {
	if runtime.GOARCH == "arm64" {
		return types.ArchitectureArm64
	}
	return types.ArchitectureX8664
}

// pathPattern is the filter on the whole path. Half of the records pass it.
const pathPattern = `{"data":{"status":["APPROVED"]}}`

// wholePath measures stream → filter → Go function → table: the stream is filled first, then the
// mapping enabled, and the time taken until every record that passes the filter is in the table.
func (r *run) wholePath(ctx context.Context) []Figure {
	single := Figure{Name: "stream to function to table, PutItem each", Unit: "records/s", goals: []goal{atLeast("rate", 6000, "records/s")}}
	batch := Figure{Name: "stream to function to table, BatchWriteItem", Unit: "records/s", goals: []goal{atLeast("rate", 20_000, "records/s")}}
	code, err := r.buildFunction(ctx)
	if errors.Is(err, errNoToolchain) {
		single.Skipped, batch.Skipped = err.Error(), err.Error()
		return []Figure{single, batch}
	}
	if err != nil {
		return []Figure{single.failed(err)}
	}
	return []Figure{r.travel(ctx, single, code, "put"), r.travel(ctx, batch, code, "batch")}
}

// trip is a stream, a table and a function between them.
type trip struct {
	stream, streamARN, table, function string
}

func (r *run) makeTrip(ctx context.Context, code []byte, mode string, shards int) (t trip, err error) {
	if t.stream, err = r.makeStream(ctx, shards); err != nil {
		return t, err
	}
	var d struct{ StreamDescriptionSummary struct{ StreamARN string } }
	if err = r.call(kinesisAPI, "DescribeStreamSummary", map[string]any{"StreamName": t.stream}, &d); err != nil {
		return t, err
	}
	t.streamARN = d.StreamDescriptionSummary.StreamARN
	if t.table, err = r.makeTable(ctx, false, false); err != nil {
		return t, err
	}
	t.function, err = r.makeFunction(ctx, code, types.RuntimeProvidedal2023, "bootstrap", map[string]string{"MODE": mode, "TABLE": t.table})
	return t, err
}

// connect maps the stream to the function, from the stream's beginning.
func (r *run) connect(ctx context.Context, t trip, filtered bool) (id string, err error) {
	in := &lambda.CreateEventSourceMappingInput{
		FunctionName: &t.function, EventSourceArn: &t.streamARN, BatchSize: aws.Int32(500), StartingPosition: types.EventSourcePositionTrimHorizon,
	}
	if filtered {
		in.FilterCriteria = &types.FilterCriteria{Filters: []types.Filter{{Pattern: aws.String(pathPattern)}}}
	}
	out, err := lambda.NewFromConfig(r.sdk()).CreateEventSourceMapping(ctx, in)
	if err != nil {
		return "", err
	}
	return *out.UUID, nil
}

func (r *run) disconnect(ctx context.Context, id string) error {
	_, err := lambda.NewFromConfig(r.sdk()).DeleteEventSourceMapping(ctx, &lambda.DeleteEventSourceMappingInput{UUID: &id})
	return err
}

// warm invokes a trip's function with one record.
func (r *run) warm(t trip, id string) error {
	data := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"id":%q}`, id))
	request, err := r.invokeRequest(t.function, `{"Records":[{"kinesis":{"data":"`+data+`"}}]}`)
	if err != nil {
		return err
	}
	reply, err := r.control.Do(request)
	if err == nil && reply.Status != 200 {
		err = refused("Invoke", reply)
	}
	if err == nil {
		err = invoked(0, 0, reply.Body)
	}
	return err
}

// pathShards is the shards of the stream, as in the goals.
const pathShards = 4

func (r *run) travel(ctx context.Context, f Figure, code []byte, mode string) Figure {
	t, err := r.makeTrip(ctx, code, mode, pathShards)
	if err != nil {
		return f.failed(err)
	}
	want, last, err := r.load(t.stream, r.size.PathRecords)
	if err != nil {
		return f.failed(err)
	}
	// The first instance starts outside the clock, as it would have in a system that runs. It is
	// given a record that it will get again, so that a function which does not work is noticed here.
	if err := r.warm(t, "r-000000"); err != nil {
		return f.failed(err)
	}
	r.progress("%s", f.Name)
	before, began := cpu(r.leat.PID), time.Now()
	id, err := r.connect(ctx, t, true)
	if err != nil {
		return f.failed(err)
	}
	// A shard is worked through in order: once its last record has arrived, all have but for others of the same batch.
	for _, key := range last {
		if err := r.arrived(ctx, t.table, key); err != nil {
			return f.failed(err)
		}
	}
	took, used := time.Since(began), cpu(r.leat.PID)-before
	f.Calls = r.size.PathRecords / 2
	f.Rate, f.CPU = float64(f.Calls)/took.Seconds(), float64(used.Microseconds())/float64(f.Calls)
	f.Note = fmt.Sprintf("of %d records half pass the filter, and are counted; %.0f records/s were looked at", r.size.PathRecords, float64(r.size.PathRecords)/took.Seconds())
	return f.failed(errors.Join(r.settled(ctx, t.table, want), r.disconnect(ctx, id)))
}

// load puts n records in order, half of them approved, over keys that spread over the shards. It tells
// what the table must hold in the end, and the last approved record of each shard.
func (r *run) load(stream string, n int) (want map[string]string, last []string, err error) {
	want = map[string]string{}
	lastOf := map[string]string{}
	for at := 0; at < n; {
		body := fmt.Appendf(nil, `{"StreamName":%q,"Records":[`, stream)
		var ids []string
		for i := at; i < min(n, at+r.size.Batch); i++ {
			id, status := fmt.Sprintf("r-%06d", i), [2]string{"APPROVED", "DRAFT"}[i%2]
			data := fmt.Appendf(nil, `{"id":%q,"status":%q,"text":%q}`, id, status, text(0, i, 0, 200))
			if i > at {
				body = append(body, ',')
			}
			body = fmt.Appendf(body, `{"PartitionKey":"k%d","Data":"%s"}`, i%64, base64.StdEncoding.EncodeToString(data))
			ids = append(ids, id)
		}
		request, err := r.caller.json(kinesisAPI, "PutRecords", append(body, "]}"...))
		if err != nil {
			return nil, nil, err
		}
		places, err := r.placed(request, len(ids))
		if err != nil {
			return nil, nil, err
		}
		for j, id := range ids {
			if (at+j)%2 == 0 {
				want[id] = id
				lastOf[places[j]] = id
			}
		}
		at += len(ids)
	}
	for _, id := range lastOf {
		last = append(last, id)
	}
	return want, last, nil
}

// placed makes a PutRecords call and tells the shard of each record.
func (r *run) placed(request []byte, n int) ([]string, error) {
	reply, err := r.control.Do(request)
	if err != nil {
		return nil, err
	}
	var out struct {
		FailedRecordCount int
		Records           []struct{ ShardId string }
	}
	if err := json.Unmarshal(reply.Body, &out); err != nil || reply.Status != 200 || out.FailedRecordCount != 0 || len(out.Records) != n {
		return nil, refused("PutRecords", reply)
	}
	ids := make([]string, n)
	for i, rec := range out.Records {
		ids[i] = rec.ShardId
	}
	return ids, nil
}

// putToInvoked measures, at light load, the way from a put to the function's having the event.
func (r *run) putToInvoked(ctx context.Context) []Figure {
	f := Figure{Name: "PutRecord to function invoked", goals: []goal{atMost("p50", 3, "ms"), atMost("p99", 20, "ms")}}
	code, err := r.buildFunction(ctx)
	if errors.Is(err, errNoToolchain) {
		f.Skipped = err.Error()
		return []Figure{f}
	}
	if err != nil {
		return []Figure{f.failed(err)}
	}
	t, err := r.makeTrip(ctx, code, "seen", 1)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	if err := r.warm(t, "warm"); err != nil {
		return []Figure{f.failed(err)}
	}
	id, err := r.connect(ctx, t, false)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	took, err := r.pingFunction(ctx, t)
	f.Calls = len(took)
	f.P50, f.P99 = percentiles(took)
	return []Figure{f.failed(errors.Join(err, r.disconnect(ctx, id)))}
}

// warmUps are the first records, which meet an instance that is only starting.
const warmUps = 20

func (r *run) pingFunction(ctx context.Context, t trip) (took []time.Duration, err error) {
	sent := map[string]time.Time{}
	for i := range warmUps + r.size.Pings {
		name := fmt.Sprintf("r-%06d", i)
		request, err := r.putRecordRequest(t.stream)([]record{{"k", fmt.Appendf(nil, `{"id":%q}`, name)}})
		if err != nil {
			return nil, err
		}
		at := time.Now()
		if i >= warmUps {
			sent[name] = at
		}
		reply, err := r.control.Do(request)
		if err != nil {
			return nil, err
		}
		if reply.Status != 200 {
			return nil, refused("PutRecord", reply)
		}
		if err := r.arrived(ctx, t.table, name); err != nil {
			return nil, err
		}
	}
	err = r.scan(t.table, func(it item) error {
		at, ok := sent[it.PK.S]
		if !ok {
			return nil
		}
		var ns int64
		if _, err := fmt.Sscan(it.N.N, &ns); err != nil {
			return err
		}
		took = append(took, time.Unix(0, ns).Sub(at))
		return nil
	})
	if err == nil && len(took) != len(sent) {
		err = fmt.Errorf("the function saw %d of %d records", len(took), len(sent))
	}
	return took, err
}

// settled waits until a table holds exactly want. When the last record of a shard has arrived, others of its batch
// may still be on their way: the function has several calls under way at a time.
func (r *run) settled(ctx context.Context, table string, want map[string]string) error {
	var found error
	err := await(ctx, "the rest of the last batches", func() (bool, error) {
		if found = r.verifyItems(table, want); errors.As(found, new(missingError)) {
			return false, nil
		}
		return true, found
	})
	if found != nil {
		return found
	}
	return err
}

// arrived waits until the function has written the record: the next one must not queue behind it.
func (r *run) arrived(ctx context.Context, table, name string) error {
	return await(ctx, "record "+name, func() (bool, error) {
		var out struct{ Item *item }
		err := r.call(dynamoDBAPI, "GetItem", map[string]any{"TableName": table, "Key": map[string]any{"pk": attr{S: name}}}, &out)
		return out.Item != nil, err
	})
}
