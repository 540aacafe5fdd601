package crashtest_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/sdkhttp"
)

// newClient makes an SDK client that tries each call once: a retry could put a
// record twice, which the checks would take for a fault of the server.
func newClient(url string) *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region: "us-east-1", HTTPClient: sdkhttp.Client(), BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

// load is clients at work until they are stopped or the server goes away.
type load struct {
	ctx     context.Context
	cancel  context.CancelFunc
	client  *kinesis.Client
	history *history
	// life tells the lives of a stream apart, so that every record is another.
	life int
	wg   sync.WaitGroup
}

const writers = 4

// startLoad starts writers, a polling reader, a subscriber and somebody who splits shards.
func startLoad(c *kinesis.Client, h *history, life int, seed uint64) *load {
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{ctx: ctx, cancel: cancel, client: c, history: h, life: life}
	for w := range writers {
		l.wg.Go(func() { l.write(w, rand.New(rand.NewPCG(seed, uint64(w)))) })
	}
	l.wg.Go(l.poll)
	l.wg.Go(l.listen)
	l.wg.Go(func() { l.reshard(rand.New(rand.NewPCG(seed, 99))) })
	return l
}

func (l *load) stop() {
	l.cancel()
	l.wg.Wait()
}

// write puts records one behind the other, alone or in batches. A call that
// fails ends it: whether its records are there is anybody's guess, so nothing may follow them.
func (l *load) write(w int, rng *rand.Rand) {
	name := fmt.Sprintf("life%d-writer%d", l.life, w)
	for n := 0; l.ctx.Err() == nil; {
		size := 1
		if rng.IntN(3) == 0 {
			size = 1 + rng.IntN(8)
		}
		if !l.put(name, n, size) {
			return
		}
		n += size
	}
}

func (l *load) put(key string, n, size int) bool {
	if size == 1 {
		data := fmt.Sprintf("%s/%d", key, n)
		out, err := l.client.PutRecord(l.ctx, &kinesis.PutRecordInput{StreamName: ptr(streamName), PartitionKey: &key, Data: []byte(data)})
		if err != nil {
			return false
		}
		l.history.tell(*out.ShardId, *out.SequenceNumber, data, writer)
		return true
	}
	in := &kinesis.PutRecordsInput{StreamName: ptr(streamName)}
	for i := range size {
		in.Records = append(in.Records, types.PutRecordsRequestEntry{PartitionKey: &key, Data: fmt.Appendf(nil, "%s/%d", key, n+i)})
	}
	out, err := l.client.PutRecords(l.ctx, in)
	if err != nil {
		return false
	}
	for i, r := range out.Records {
		l.history.tell(*r.ShardId, *r.SequenceNumber, string(in.Records[i].Data), writer)
	}
	return true
}

// poll follows all shards; what it sees counts as told.
func (l *load) poll() {
	next := map[string]*string{}
	for l.ctx.Err() == nil {
		shards, err := l.client.ListShards(l.ctx, &kinesis.ListShardsInput{StreamName: ptr(streamName)})
		if err != nil {
			return
		}
		for _, s := range shards.Shards {
			it, known := next[*s.ShardId]
			if !known {
				it, err = horizon(l.ctx, l.client, *s.ShardId)
			}
			if it != nil && err == nil {
				it, err = l.follow(*s.ShardId, it)
			}
			if err != nil {
				return
			}
			next[*s.ShardId] = it // nil once the shard has ended
		}
	}
}

// follow reads one page of a shard and gives the iterator behind it.
func (l *load) follow(shard string, it *string) (*string, error) {
	page, err := l.client.GetRecords(l.ctx, &kinesis.GetRecordsInput{ShardIterator: it})
	if err != nil {
		return nil, err
	}
	for _, r := range page.Records {
		l.history.tell(shard, *r.SequenceNumber, string(r.Data), reader)
	}
	return page.NextShardIterator, nil
}

// consumer is the ARN of the one consumer there is, which the first life registers.
func (l *load) consumer() (*string, error) {
	sum, err := l.client.DescribeStreamSummary(l.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: ptr(streamName)})
	if err != nil {
		return nil, err
	}
	arn := sum.StreamDescriptionSummary.StreamARN
	reg, err := l.client.RegisterStreamConsumer(l.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: ptr("listener")})
	if err == nil {
		return reg.Consumer.ConsumerARN, nil
	}
	have, err := l.client.DescribeStreamConsumer(l.ctx, &kinesis.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: ptr("listener")})
	if err != nil {
		return nil, err
	}
	return have.ConsumerDescription.ConsumerARN, nil
}

// listen subscribes to the first shard.
func (l *load) listen() {
	arn, err := l.consumer()
	if err != nil {
		return
	}
	const shard = "shardId-000000000000"
	out, err := l.client.SubscribeToShard(l.ctx, &kinesis.SubscribeToShardInput{ConsumerARN: arn, ShardId: ptr(shard),
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon}})
	if err != nil {
		return
	}
	defer out.GetStream().Close()
	for ev := range out.GetStream().Events() {
		if v, ok := ev.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); ok {
			for _, r := range v.Value.Records {
				l.history.tell(shard, *r.SequenceNumber, string(r.Data), reader)
			}
		}
	}
}

// reshard doubles the shards once, or halves them.
func (l *load) reshard(rng *rand.Rand) {
	for range rng.IntN(3) {
		sum, err := l.client.DescribeStreamSummary(l.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: ptr(streamName)})
		if err != nil {
			return
		}
		target := *sum.StreamDescriptionSummary.OpenShardCount * 2
		if target > 4 {
			target = 2
		}
		_, err = l.client.UpdateShardCount(l.ctx, &kinesis.UpdateShardCountInput{
			StreamName: ptr(streamName), TargetShardCount: &target, ScalingType: types.ScalingTypeUniformScaling})
		if err != nil {
			return
		}
	}
}
