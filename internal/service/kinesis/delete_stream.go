package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// DeleteStream removes a stream with its records, tags and consumers. Whoever reads it, a
// subscription included, is told that it is gone.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, ResourceInUseException (it has consumers and
// EnforceConsumerDeletion is not set), InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: the stream is gone when the call returns.
func (s *Service) DeleteStream(ctx context.Context, in *kinesis.DeleteStreamInput) (*kinesis.DeleteStreamOutput, error) {
	if err := s.limits.call(ctx, "DeleteStream", ""); err != nil {
		return nil, err
	}
	at, err := s.find(ctx, names{in.StreamName, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	var st *stream
	var shards []shardlog.Shard
	err = s.update(ctx, func(tx kv.Txn) (err error) {
		if st, err = s.open(ctx, tx, at, "DeleteStream"); err != nil {
			return err
		}
		if shards, err = s.log.Shards(tx, st.Log); err != nil {
			return err
		}
		cs, err := s.consumers(tx, st)
		if err != nil {
			return err
		}
		if len(cs) > 0 && !value(in.EnforceConsumerDeletion) {
			return resourceInUse("Stream %s under account %s has registered consumers. "+
				"Deregister them or set EnforceConsumerDeletion.", at.name, at.account)
		}
		p := consumerPrefix(st.Log)
		if err := tx.DeleteRange(p, kv.PrefixEnd(p)); err != nil {
			return err
		}
		if err := tx.Delete(at.key()); err != nil {
			return err
		}
		return s.log.Drop(tx, st.Log)
	})
	if err != nil {
		return nil, err
	}
	s.cache.Delete(at)
	s.readings.drop(st.Log)
	s.log.Publish(s.log.DropNotice(st.Log, shards))
	return nil, nil
}
