package resources

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/deploy"
)

// defaultRetentionHours is a stream's retention where the template says nothing.
const defaultRetentionHours = 24

func (c *clients) streams() map[string]*kind {
	return map[string]*kind{
		"AWS::Kinesis::Stream": {
			input:   func() any { return new(streamProps) },
			binding: binding{skip: []string{"Tags"}},
			create:  c.createStream, update: c.updateStream, read: c.readStream,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.kinesis.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: &r.PhysicalID, EnforceConsumerDeletion: ptr(true)})
				if err != nil {
					return err
				}
				return await(ctx, func(ctx context.Context) (bool, error) {
					_, err := c.streamSummary(ctx, r.PhysicalID)
					if gone(err) {
						return true, nil
					}
					return false, err
				})
			},
		},
		"AWS::Kinesis::ResourcePolicy": {create: c.putStreamPolicy, update: c.putStreamPolicy, remove: func(ctx context.Context, r *deploy.Request) error {
			_, err := c.kinesis.DeleteResourcePolicy(ctx, &kinesis.DeleteResourcePolicyInput{ResourceARN: &r.PhysicalID})
			return err
		}},
		"AWS::Kinesis::StreamConsumer": {
			input:   func() any { return new(kinesis.RegisterStreamConsumerInput) },
			binding: binding{skip: []string{"Tags"}},
			create:  c.createConsumer, read: c.readConsumer,
			remove: func(ctx context.Context, r *deploy.Request) error {
				_, err := c.kinesis.DeregisterStreamConsumer(ctx, &kinesis.DeregisterStreamConsumerInput{ConsumerARN: &r.PhysicalID})
				return err
			},
		},
	}
}

// streamProps are the properties of a stream, which several calls share out.
type streamProps struct {
	Name                 *string
	RetentionPeriodHours *int32
	ShardCount           *int32
	StreamModeDetails    *types.StreamModeDetails
	MaxRecordSizeInKiB   *int32
	WarmThroughputMiBps  *int32
	StreamEncryption     *struct {
		EncryptionType types.EncryptionType
		KeyId          *string
	}
	DesiredShardLevelMetrics []types.MetricsName
}

func (p *streamProps) retention() int32 {
	if p.RetentionPeriodHours == nil {
		return defaultRetentionHours
	}
	return *p.RetentionPeriodHours
}

func (c *clients) streamProps(r *deploy.Request) (*streamProps, error) {
	var p streamProps
	return &p, binding{skip: []string{"Tags"}}.bind(r.Props, &p)
}

func (c *clients) streamSummary(ctx context.Context, name string) (*types.StreamDescriptionSummary, error) {
	out, err := c.kinesis.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: &name})
	if err != nil {
		return nil, err
	}
	return out.StreamDescriptionSummary, nil
}

// activeStream waits until a stream can be used.
func (c *clients) activeStream(ctx context.Context, name string) (s *types.StreamDescriptionSummary, err error) {
	err = await(ctx, func(ctx context.Context) (bool, error) {
		s, err = c.streamSummary(ctx, name)
		return err == nil && s.StreamStatus == types.StreamStatusActive, err
	})
	return s, err
}

func streamState(s *types.StreamDescriptionSummary) deploy.State {
	return deploy.State{PhysicalID: str(s.StreamName), Attrs: map[string]string{"Arn": str(s.StreamARN)}}
}

func (c *clients) readStream(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	name := r.PhysicalID
	if name == "" {
		name = r.Name
	}
	s, err := c.streamSummary(ctx, name)
	if err != nil {
		return deploy.State{}, err
	}
	return streamState(s), nil
}

func (c *clients) createStream(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	p, err := c.streamProps(r)
	if err != nil {
		return deploy.State{}, err
	}
	in := &kinesis.CreateStreamInput{StreamName: &r.Name, ShardCount: p.ShardCount, StreamModeDetails: p.StreamModeDetails, MaxRecordSizeInKiB: p.MaxRecordSizeInKiB, WarmThroughputMiBps: p.WarmThroughputMiBps, Tags: tagMap(r.Props.Get("Tags"), r.Tags)}
	if len(in.Tags) == 0 {
		in.Tags = nil
	}
	if in.ShardCount == nil && in.StreamModeDetails == nil {
		in.ShardCount = ptr(int32(1))
	}
	if _, err := c.kinesis.CreateStream(ctx, in); err != nil {
		return deploy.State{}, err
	}
	s, err := c.activeStream(ctx, r.Name)
	if err != nil {
		return deploy.State{PhysicalID: r.Name}, err
	}
	if err := c.alignStream(ctx, s, p); err != nil {
		return streamState(s), err
	}
	return streamState(s), nil
}

// alignStream brings retention and encryption to what is wanted.
func (c *clients) alignStream(ctx context.Context, s *types.StreamDescriptionSummary, p *streamProps) error {
	have, want := defaultRetentionHours, int(p.retention())
	if s.RetentionPeriodHours != nil {
		have = int(*s.RetentionPeriodHours)
	}
	var err error
	switch {
	case want > have:
		_, err = c.kinesis.IncreaseStreamRetentionPeriod(ctx, &kinesis.IncreaseStreamRetentionPeriodInput{StreamName: s.StreamName, RetentionPeriodHours: ptr(int32(want))})
	case want < have:
		_, err = c.kinesis.DecreaseStreamRetentionPeriod(ctx, &kinesis.DecreaseStreamRetentionPeriodInput{StreamName: s.StreamName, RetentionPeriodHours: ptr(int32(want))})
	}
	if err != nil {
		return err
	}
	if e := p.StreamEncryption; e != nil && e.EncryptionType != s.EncryptionType {
		_, err = c.kinesis.StartStreamEncryption(ctx, &kinesis.StartStreamEncryptionInput{StreamName: s.StreamName, EncryptionType: e.EncryptionType, KeyId: e.KeyId})
	} else if e == nil && s.EncryptionType == types.EncryptionTypeKms {
		_, err = c.kinesis.StopStreamEncryption(ctx, &kinesis.StopStreamEncryptionInput{StreamName: s.StreamName, EncryptionType: s.EncryptionType, KeyId: s.KeyId})
	}
	if err != nil {
		return err
	}
	if err := c.alignMetrics(ctx, s, p.DesiredShardLevelMetrics); err != nil {
		return err
	}
	_, err = c.activeStream(ctx, str(s.StreamName))
	return err
}

// alignMetrics brings the shard-level metrics to what is wanted.
func (c *clients) alignMetrics(ctx context.Context, s *types.StreamDescriptionSummary, want []types.MetricsName) error {
	var have []types.MetricsName
	for _, m := range s.EnhancedMonitoring {
		have = append(have, m.ShardLevelMetrics...)
	}
	if slices.Contains(want, types.MetricsNameAll) {
		want = slices.DeleteFunc(types.MetricsName("").Values(), func(m types.MetricsName) bool { return m == types.MetricsNameAll })
	}
	without := func(a, b []types.MetricsName) []types.MetricsName {
		return slices.DeleteFunc(slices.Clone(a), func(m types.MetricsName) bool { return slices.Contains(b, m) })
	}
	if off := without(have, want); len(off) > 0 {
		if _, err := c.kinesis.DisableEnhancedMonitoring(ctx, &kinesis.DisableEnhancedMonitoringInput{StreamName: s.StreamName, ShardLevelMetrics: off}); err != nil {
			return err
		}
	}
	on := without(want, have)
	if len(on) == 0 {
		return nil
	}
	_, err := c.kinesis.EnableEnhancedMonitoring(ctx, &kinesis.EnableEnhancedMonitoringInput{StreamName: s.StreamName, ShardLevelMetrics: on})
	return err
}

// defaultRecordKiB is how large a record may be where the template says nothing.
const defaultRecordKiB = 1024

// alignBounds brings the size of records and the warm throughput of a standing stream to what is wanted.
func (c *clients) alignBounds(ctx context.Context, r *deploy.Request, s *types.StreamDescriptionSummary, p *streamProps) error {
	if changed(r, "MaxRecordSizeInKiB") {
		size := p.MaxRecordSizeInKiB
		if size == nil {
			size = ptr(int32(defaultRecordKiB))
		}
		if _, err := c.kinesis.UpdateMaxRecordSize(ctx, &kinesis.UpdateMaxRecordSizeInput{StreamARN: s.StreamARN, MaxRecordSizeInKiB: size}); err != nil {
			return err
		}
	}
	if p.WarmThroughputMiBps == nil || !changed(r, "WarmThroughputMiBps") {
		return nil
	}
	_, err := c.kinesis.UpdateStreamWarmThroughput(ctx, &kinesis.UpdateStreamWarmThroughputInput{StreamARN: s.StreamARN, WarmThroughputMiBps: p.WarmThroughputMiBps})
	return err
}

// putStreamPolicy lets others use a stream or a consumer.
func (c *clients) putStreamPolicy(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	arn := r.Props.Get("ResourceArn").Text()
	_, err := c.kinesis.PutResourcePolicy(ctx, &kinesis.PutResourcePolicyInput{ResourceARN: &arn, Policy: ptr(document(r.Props.Get("ResourcePolicy")))})
	return deploy.State{PhysicalID: arn}, err
}

func (c *clients) updateStream(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	p, err := c.streamProps(r)
	if err != nil {
		return deploy.State{}, err
	}
	s, err := c.activeStream(ctx, r.PhysicalID)
	if err != nil {
		return deploy.State{}, err
	}
	mode := types.StreamModeProvisioned
	if p.StreamModeDetails != nil {
		mode = p.StreamModeDetails.StreamMode
	}
	if s.StreamModeDetails != nil && s.StreamModeDetails.StreamMode != mode {
		if _, err := c.kinesis.UpdateStreamMode(ctx, &kinesis.UpdateStreamModeInput{StreamARN: s.StreamARN, StreamModeDetails: &types.StreamModeDetails{StreamMode: mode}}); err != nil {
			return deploy.State{}, err
		}
		if s, err = c.activeStream(ctx, r.PhysicalID); err != nil {
			return deploy.State{}, err
		}
	}
	if mode == types.StreamModeProvisioned {
		if err := c.reshard(ctx, s, p); err != nil {
			return deploy.State{}, err
		}
	}
	if err := c.alignStream(ctx, s, p); err != nil {
		return deploy.State{}, err
	}
	if err := c.alignBounds(ctx, r, s, p); err != nil {
		return deploy.State{}, err
	}
	return streamState(s), c.tagStream(ctx, r)
}

func (c *clients) reshard(ctx context.Context, s *types.StreamDescriptionSummary, p *streamProps) error {
	want := int32(1)
	if p.ShardCount != nil {
		want = *p.ShardCount
	}
	if s.OpenShardCount == nil || *s.OpenShardCount == want {
		return nil
	}
	_, err := c.kinesis.UpdateShardCount(ctx, &kinesis.UpdateShardCountInput{StreamName: s.StreamName, TargetShardCount: &want, ScalingType: types.ScalingTypeUniformScaling})
	if err != nil {
		return err
	}
	_, err = c.activeStream(ctx, str(s.StreamName))
	return err
}

func (c *clients) tagStream(ctx context.Context, r *deploy.Request) error {
	set, drop := tagDiff(r)
	if len(drop) > 0 {
		if _, err := c.kinesis.RemoveTagsFromStream(ctx, &kinesis.RemoveTagsFromStreamInput{StreamName: &r.PhysicalID, TagKeys: drop}); err != nil {
			return err
		}
	}
	if len(set) == 0 || !changed(r, "Tags") && len(r.Tags) == 0 {
		return nil
	}
	_, err := c.kinesis.AddTagsToStream(ctx, &kinesis.AddTagsToStreamInput{StreamName: &r.PhysicalID, Tags: set})
	return err
}

func (c *clients) createConsumer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &kinesis.RegisterStreamConsumerInput{StreamARN: ptr(r.Props.Get("StreamARN").Text()), ConsumerName: ptr(r.Props.Get("ConsumerName").Text())}
	if tags := tagMap(r.Props.Get("Tags"), r.Tags); len(tags) > 0 {
		in.Tags = maps.Clone(tags)
	}
	out, err := c.kinesis.RegisterStreamConsumer(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	st := deploy.State{PhysicalID: str(out.Consumer.ConsumerARN)}
	err = await(ctx, func(ctx context.Context) (bool, error) {
		st, err = c.readConsumer(ctx, &deploy.Request{PhysicalID: str(out.Consumer.ConsumerARN)})
		return st.Attrs["ConsumerStatus"] == "ACTIVE", err
	})
	return st, err
}

func (c *clients) readConsumer(ctx context.Context, r *deploy.Request) (deploy.State, error) {
	in := &kinesis.DescribeStreamConsumerInput{ConsumerARN: &r.PhysicalID}
	if r.PhysicalID == "" {
		in = &kinesis.DescribeStreamConsumerInput{StreamARN: ptr(r.Props.Get("StreamARN").Text()), ConsumerName: ptr(r.Props.Get("ConsumerName").Text())}
	}
	out, err := c.kinesis.DescribeStreamConsumer(ctx, in)
	if err != nil {
		return deploy.State{}, err
	}
	d := out.ConsumerDescription
	created := ""
	if d.ConsumerCreationTimestamp != nil {
		created = strconv.FormatInt(d.ConsumerCreationTimestamp.Unix(), 10)
	}
	return deploy.State{PhysicalID: str(d.ConsumerARN), Attrs: map[string]string{
		"ConsumerARN": str(d.ConsumerARN), "ConsumerStatus": string(d.ConsumerStatus), "ConsumerCreationTimestamp": created}}, nil
}

// sortedKeys gives the keys of tags in order, for calls whose requests should not vary.
func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
