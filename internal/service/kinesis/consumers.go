package kinesis

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// consumer is a registered consumer as stored.
type consumer struct {
	Name      string
	Stream    string // ARN
	CreatedMs int64
	Tags      map[string]string `json:",omitempty"`
	Policy    string            `json:",omitempty"`
}

func consumerPrefix(id shardlog.StreamID) []byte { return kv.Key(kv.SpaceKinesis, "c", uint64(id)) }

func consumerKey(id shardlog.StreamID, name string) []byte {
	return kv.Key(kv.SpaceKinesis, "c", uint64(id), name)
}

// arn names the consumer and its time of creation, so that one of the same name made
// later is another.
func (c *consumer) arn() string {
	return fmt.Sprintf("%s/consumer/%s:%d", c.Stream, c.Name, c.CreatedMs/1000)
}

func (c *consumer) created() *time.Time { return ptr(time.UnixMilli(c.CreatedMs).UTC()) }

func (c *consumer) api() types.Consumer {
	return types.Consumer{
		ConsumerARN: ptr(c.arn()), ConsumerName: &c.Name,
		ConsumerCreationTimestamp: c.created(), ConsumerStatus: types.ConsumerStatusActive,
	}
}

func (s *Service) consumers(r kv.Reader, st *stream) (out []*consumer, err error) {
	err = r.Scan(kv.PrefixRange(consumerPrefix(st.Log)), func(_, v []byte) error {
		c := &consumer{}
		out = append(out, c)
		return decodeJSON(v, c)
	})
	return out, err
}

func (s *Service) consumer(r kv.Reader, st *stream, name string) (*consumer, error) {
	v, ok, err := r.Get(consumerKey(st.Log, name))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, resourceNotFound("Consumer %s in stream %s under account %s not found.", name, st.Name, st.Account)
	}
	c := &consumer{}
	return c, decodeJSON(v, c)
}

// consumerByARN finds a consumer and its stream, and checks that the caller may do action.
func (s *Service) consumerByARN(ctx context.Context, r kv.Reader, arn, action string) (*stream, *consumer, error) {
	at, rest, err := parseStreamARN(arn)
	if err != nil {
		return nil, nil, err
	}
	name, created, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, nil, invalidArgument("Invalid ARN: %s", arn)
	}
	if err := s.sameRegion(ctx, at); err != nil {
		return nil, nil, err
	}
	st, err := s.load(r, at)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.consumer(r, st, name)
	if err != nil {
		return nil, nil, err
	}
	if strconv.FormatInt(c.CreatedMs/1000, 10) != created {
		return nil, nil, resourceNotFound("Consumer %s not found.", arn)
	}
	return st, c, s.authorize(ctx, st.Account, c.Policy, action, arn)
}

// anyConsumer finds a consumer by its ARN, or by its name and its stream's ARN.
func (s *Service) anyConsumer(ctx context.Context, r kv.Reader, arn, streamARN, name *string, action string) (*stream, *consumer, error) {
	if arn != nil {
		st, c, err := s.consumerByARN(ctx, r, *arn, action)
		if err == nil && (name != nil && *name != c.Name || streamARN != nil && *streamARN != c.Stream) {
			err = invalidArgument("ConsumerARN %s does not match the given ConsumerName and StreamARN.", *arn)
		}
		return st, c, err
	}
	if streamARN == nil || name == nil {
		return nil, nil, invalidArgument("Either ConsumerARN or both StreamARN and ConsumerName must be provided.")
	}
	at, err := s.find(ctx, names{nil, streamARN, nil})
	if err != nil {
		return nil, nil, err
	}
	st, err := s.open(ctx, r, at, action)
	if err != nil {
		return nil, nil, err
	}
	c, err := s.consumer(r, st, *name)
	return st, c, err
}

func noStreamID(id *string) error {
	if id == nil {
		return nil
	}
	return invalidArgument("StreamId is reserved for future use. Specify an ARN.")
}

// RegisterStreamConsumer registers a consumer, which SubscribeToShard can then push to.
//
// Limits: 20 consumers a stream, 50 tags; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, ResourceInUseException (the name is taken),
// InvalidArgumentException, LimitExceededException.
// Differs: the consumer is ACTIVE when the call returns.
func (s *Service) RegisterStreamConsumer(ctx context.Context, in *kinesis.RegisterStreamConsumerInput) (*kinesis.RegisterStreamConsumerOutput, error) {
	if err := s.limits.call(ctx, "RegisterStreamConsumer", ""); err != nil {
		return nil, err
	}
	at, err := s.find(ctx, names{nil, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > maxTags {
		return nil, tooManyTags(at)
	}
	c := &consumer{Name: value(in.ConsumerName), Stream: at.arn(), Tags: in.Tags}
	err = s.update(ctx, func(tx kv.Txn) error {
		st, err := s.open(ctx, tx, at, "RegisterStreamConsumer")
		if err != nil {
			return err
		}
		all, err := s.consumers(tx, st)
		if err != nil {
			return err
		}
		for _, o := range all {
			if o.Name == c.Name {
				return resourceInUse("Consumer %s in stream %s under account %s already exists.", c.Name, at.name, at.account)
			}
		}
		if len(all) >= maxConsumers {
			return limitExceeded("Stream %s under account %s already has %d registered consumers, the most it can have.", at.name, at.account, maxConsumers)
		}
		c.CreatedMs = s.clock.Now().UnixMilli()
		return saveJSON(tx, consumerKey(st.Log, c.Name), c)
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.RegisterStreamConsumerOutput{Consumer: ptr(c.api())}, nil
}

// DeregisterStreamConsumer removes a consumer and ends its subscriptions.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException.
// Differs: the consumer is gone when the call returns.
func (s *Service) DeregisterStreamConsumer(ctx context.Context, in *kinesis.DeregisterStreamConsumerInput) (*kinesis.DeregisterStreamConsumerOutput, error) {
	if err := s.limits.call(ctx, "DeregisterStreamConsumer", ""); err != nil {
		return nil, err
	}
	if err := noStreamID(in.StreamId); err != nil {
		return nil, err
	}
	var gone string
	err := s.update(ctx, func(tx kv.Txn) error {
		st, c, err := s.anyConsumer(ctx, tx, in.ConsumerARN, in.StreamARN, in.ConsumerName, "DeregisterStreamConsumer")
		if err != nil {
			return err
		}
		gone = c.arn()
		return tx.Delete(consumerKey(st.Log, c.Name))
	})
	if err == nil {
		s.subs.end(gone)
	}
	return nil, err
}

// DescribeStreamConsumer shows one consumer.
//
// Limits: with --limits=aws twenty calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException.
// Differs: nothing.
func (s *Service) DescribeStreamConsumer(ctx context.Context, in *kinesis.DescribeStreamConsumerInput) (*kinesis.DescribeStreamConsumerOutput, error) {
	if err := s.limits.call(ctx, "DescribeStreamConsumer", ""); err != nil {
		return nil, err
	}
	if err := noStreamID(in.StreamId); err != nil {
		return nil, err
	}
	var c *consumer
	err := s.view(ctx, func(r kv.Reader) (err error) {
		_, c, err = s.anyConsumer(ctx, r, in.ConsumerARN, in.StreamARN, in.ConsumerName, "DescribeStreamConsumer")
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeStreamConsumerOutput{ConsumerDescription: &types.ConsumerDescription{
		ConsumerARN: ptr(c.arn()), ConsumerName: &c.Name, ConsumerStatus: types.ConsumerStatusActive,
		ConsumerCreationTimestamp: c.created(), StreamARN: &c.Stream,
	}}, nil
}
