package kinesis

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// commitmentWindow is how long a throughput commitment binds.
const commitmentWindow = 24 * time.Hour

// settings are an account's own, as stored. Times are milliseconds, 0 for none.
type settings struct{ StartedMs, EndedMs int64 }

func settingsKey(account, region string) []byte { return kv.Key(kv.SpaceKinesis, "a", account, region) }

func (s *Service) settings(r kv.Reader, account, region string) (v settings, err error) {
	raw, ok, err := r.Get(settingsKey(account, region))
	if err != nil || !ok {
		return v, err
	}
	return v, decodeJSON(raw, &v)
}

// committed tells whether the commitment holds at a time.
func (v settings) committed(now time.Time) bool {
	return v.StartedMs != 0 && (v.EndedMs == 0 || now.UnixMilli() < v.EndedMs)
}

// needCommitment refuses what only accounts with a throughput commitment may do.
func (s *Service) needCommitment(r kv.Reader, account, region string) error {
	v, err := s.settings(r, account, region)
	if err != nil {
		return err
	}
	if !v.committed(s.clock.Now()) {
		return aws.ValidationException("Warm throughput requires MinimumThroughputBillingCommitment to be enabled for the account %s.", account)
	}
	return nil
}

func (v settings) api(now time.Time) *types.MinimumThroughputBillingCommitmentOutput {
	out := &types.MinimumThroughputBillingCommitmentOutput{Status: types.MinimumThroughputBillingCommitmentOutputStatusDisabled}
	if v.StartedMs == 0 {
		return out
	}
	at := func(ms int64) *time.Time { return ptr(time.UnixMilli(ms).UTC()) }
	out.StartedAt = at(v.StartedMs)
	switch {
	case !v.committed(now):
		out.EndedAt = at(v.EndedMs)
	case v.EndedMs != 0:
		out.Status = types.MinimumThroughputBillingCommitmentOutputStatusEnabledUntilEarliestAllowedEnd
		out.EarliestAllowedEndAt = at(v.EndedMs)
	default:
		out.Status = types.MinimumThroughputBillingCommitmentOutputStatusEnabled
		out.EarliestAllowedEndAt = at(v.StartedMs + commitmentWindow.Milliseconds())
	}
	return out
}

// DescribeAccountSettings shows the account's throughput commitment.
//
// Limits: with --limits=aws five calls a second.
// Errors: LimitExceededException.
// Differs: nothing is billed.
func (s *Service) DescribeAccountSettings(ctx context.Context, _ *kinesis.DescribeAccountSettingsInput) (*kinesis.DescribeAccountSettingsOutput, error) {
	if err := s.limits.call(ctx, "DescribeAccountSettings", ""); err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	var v settings
	err := s.view(ctx, func(r kv.Reader) (err error) {
		v, err = s.settings(r, req.Account(), req.Region)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeAccountSettingsOutput{MinimumThroughputBillingCommitment: v.api(s.clock.Now())}, nil
}

// UpdateAccountSettings makes or ends the account's throughput commitment. It binds for 24 hours:
// ended before, it holds until then.
//
// Limits: with --limits=aws five calls a second.
// Errors: InvalidArgumentException, ValidationException, LimitExceededException.
// Differs: nothing is billed.
func (s *Service) UpdateAccountSettings(ctx context.Context, in *kinesis.UpdateAccountSettingsInput) (*kinesis.UpdateAccountSettingsOutput, error) {
	if err := s.limits.call(ctx, "UpdateAccountSettings", ""); err != nil {
		return nil, err
	}
	if in.MinimumThroughputBillingCommitment == nil {
		return nil, missingMember("minimumThroughputBillingCommitment")
	}
	want := in.MinimumThroughputBillingCommitment.Status
	req := aws.RequestFrom(ctx)
	now := s.clock.Now()
	var v settings
	err := s.update(ctx, func(tx kv.Txn) (err error) {
		if v, err = s.settings(tx, req.Account(), req.Region); err != nil {
			return err
		}
		switch {
		case want == types.MinimumThroughputBillingCommitmentInputStatusEnabled && v.committed(now):
			v.EndedMs = 0
		case want == types.MinimumThroughputBillingCommitmentInputStatusEnabled:
			v = settings{StartedMs: now.UnixMilli()}
		case want != types.MinimumThroughputBillingCommitmentInputStatusDisabled:
			return invalidArgument("Invalid status: %s", want)
		case v.committed(now) && v.EndedMs == 0:
			v.EndedMs = max(now.UnixMilli(), v.StartedMs+commitmentWindow.Milliseconds())
		}
		return saveJSON(tx, settingsKey(req.Account(), req.Region), v)
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.UpdateAccountSettingsOutput{MinimumThroughputBillingCommitment: v.api(now)}, nil
}

// DescribeLimits shows the account's limits and what it uses of them.
//
// Limits: with --limits=aws one call a second.
// Errors: LimitExceededException.
// Differs: the limits shown bind only with --limits=aws. There are no channels.
func (s *Service) DescribeLimits(ctx context.Context, _ *kinesis.DescribeLimitsInput) (*kinesis.DescribeLimitsOutput, error) {
	if err := s.limits.call(ctx, "DescribeLimits", ""); err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	var open, onDemand int
	err := s.view(ctx, func(r kv.Reader) (err error) {
		open, onDemand, err = s.usage(r, req.Account(), req.Region)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &kinesis.DescribeLimitsOutput{
		ShardLimit: ptr(int32(shardQuota)), OpenShardCount: ptr(int32(open)),
		OnDemandStreamCount: ptr(int32(onDemand)), OnDemandStreamCountLimit: ptr(int32(onDemandStreamsLimit)),
		ChannelCount: ptr(int32(0)), ChannelCountLimit: ptr(int32(0)),
	}, nil
}
