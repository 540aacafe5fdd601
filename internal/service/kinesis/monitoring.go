package kinesis

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
)

// allMetrics are the shard-level metrics there are, in the order they are shown.
var allMetrics = []types.MetricsName{
	types.MetricsNameIncomingBytes, types.MetricsNameIncomingRecords, types.MetricsNameOutgoingBytes, types.MetricsNameOutgoingRecords,
	types.MetricsNameWriteProvisionedThroughputExceeded, types.MetricsNameReadProvisionedThroughputExceeded, types.MetricsNameIteratorAgeMilliseconds,
}

// EnableEnhancedMonitoring adds shard-level metrics to a stream's settings.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: the setting is kept and shown; shard-level figures are always on the metrics and
// inspection endpoints, whatever it says.
func (s *Service) EnableEnhancedMonitoring(ctx context.Context, in *kinesis.EnableEnhancedMonitoringInput) (*kinesis.EnableEnhancedMonitoringOutput, error) {
	out := &kinesis.EnableEnhancedMonitoringOutput{}
	err := s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "EnableEnhancedMonitoring", func(_ kv.Txn, st *stream) error {
		want, err := metricSet(in.ShardLevelMetrics)
		if err != nil {
			return err
		}
		out.CurrentShardLevelMetrics = append([]types.MetricsName{}, st.Metrics...)
		st.Metrics = pickMetrics(func(m types.MetricsName) bool { return slices.Contains(st.Metrics, m) || slices.Contains(want, m) })
		out.DesiredShardLevelMetrics = st.Metrics
		out.StreamName, out.StreamARN = &st.Name, ptr(st.arn())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// DisableEnhancedMonitoring takes shard-level metrics off a stream's settings.
//
// Limits: with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, LimitExceededException, AccessDeniedException.
// Differs: as EnableEnhancedMonitoring.
func (s *Service) DisableEnhancedMonitoring(ctx context.Context, in *kinesis.DisableEnhancedMonitoringInput) (*kinesis.DisableEnhancedMonitoringOutput, error) {
	out := &kinesis.DisableEnhancedMonitoringOutput{}
	err := s.change(ctx, names{in.StreamName, in.StreamARN, in.StreamId}, "DisableEnhancedMonitoring", func(_ kv.Txn, st *stream) error {
		drop, err := metricSet(in.ShardLevelMetrics)
		if err != nil {
			return err
		}
		out.CurrentShardLevelMetrics = append([]types.MetricsName{}, st.Metrics...)
		st.Metrics = pickMetrics(func(m types.MetricsName) bool { return slices.Contains(st.Metrics, m) && !slices.Contains(drop, m) })
		out.DesiredShardLevelMetrics = st.Metrics
		out.StreamName, out.StreamARN = &st.Name, ptr(st.arn())
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// metricSet spells ALL out and refuses unknown names.
func metricSet(ms []types.MetricsName) ([]types.MetricsName, error) {
	for _, m := range ms {
		if m == types.MetricsNameAll {
			return allMetrics, nil
		}
		if !slices.Contains(allMetrics, m) {
			return nil, invalidArgument("Invalid shard level metric: %s", m)
		}
	}
	return ms, nil
}

func pickMetrics(keep func(types.MetricsName) bool) []types.MetricsName {
	out := []types.MetricsName{}
	for _, m := range allMetrics {
		if keep(m) {
			out = append(out, m)
		}
	}
	return out
}
