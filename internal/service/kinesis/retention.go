package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/internal/kv"
)

// IncreaseStreamRetentionPeriod keeps a stream's records longer, up to 8,760 hours.
// Records that had expired but are not trimmed yet become readable again.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) IncreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.IncreaseStreamRetentionPeriodInput) (*kinesis.IncreaseStreamRetentionPeriodOutput, error) {
	n := names{in.StreamName, in.StreamARN, in.StreamId}
	return nil, s.setRetention(ctx, n, "IncreaseStreamRetentionPeriod", value(in.RetentionPeriodHours), func(st *stream, hours int32) error {
		if hours < st.Hours {
			return invalidArgument("Requested retention period (%d hours) for stream %s can not be shorter than existing retention period (%d hours). "+
				"Use DecreaseRetentionPeriod API.", hours, st.Name, st.Hours)
		}
		return nil
	})
}

// DecreaseStreamRetentionPeriod keeps a stream's records for a shorter time, 24 hours or more.
// Records older than that cannot be read from the moment the call returns.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) DecreaseStreamRetentionPeriod(ctx context.Context, in *kinesis.DecreaseStreamRetentionPeriodInput) (*kinesis.DecreaseStreamRetentionPeriodOutput, error) {
	n := names{in.StreamName, in.StreamARN, in.StreamId}
	return nil, s.setRetention(ctx, n, "DecreaseStreamRetentionPeriod", value(in.RetentionPeriodHours), func(st *stream, hours int32) error {
		if hours > st.Hours {
			return invalidArgument("Requested retention period (%d hours) for stream %s can not be longer than existing retention period (%d hours). "+
				"Use IncreaseRetentionPeriod API.", hours, st.Name, st.Hours)
		}
		return nil
	})
}

func (s *Service) setRetention(ctx context.Context, n names, action string, hours int32, check func(*stream, int32) error) error {
	if hours < minRetentionHours {
		return invalidArgument("Minimum allowed retention period is %d hours. Requested retention period (%d hours) is too short.", minRetentionHours, hours)
	}
	if hours > maxRetentionHours {
		return invalidArgument("Maximum allowed retention period is %d hours. Requested retention period (%d hours) is too long.", maxRetentionHours, hours)
	}
	return s.change(ctx, n, action, func(tx kv.Txn, st *stream) error {
		if err := check(st, hours); err != nil {
			return err
		}
		st.Hours = hours
		return s.log.SetRetention(tx, st.Log, st.retention())
	})
}

func (st *stream) retention() time.Duration { return time.Duration(st.Hours) * time.Hour }

// horizon is the arrival time of the oldest record that retention keeps.
func (s *Service) horizon(st *stream) time.Time { return s.clock.Now().Add(-st.retention()) }
