package kinesis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// valueVersion begins every value of this room.
const valueVersion = 1

// Bounds of settings, as AWS publishes them.
const (
	minRetentionHours    = 24
	maxRetentionHours    = 8760
	defaultMaxRecordKiB  = 1024
	onDemandShards       = 4
	maxShardsPerStream   = 10_000
	maxTags              = 50
	maxConsumers         = 20
	maxPolicyBytes       = 20 << 10
	maxWarmMiBps         = 10 << 10
	onDemandStreamsLimit = 50
	shardQuota           = 20_000
)

// stream is the settings of one stream as stored.
type stream struct {
	Log       shardlog.StreamID
	Account   string
	Region    string
	Name      string
	CreatedMs int64
	Mode      types.StreamMode
	Hours     int32 // retention
	KeyID     string
	Metrics   []types.MetricsName `json:",omitempty"`
	Tags      map[string]string   `json:",omitempty"`
	Policy    string              `json:",omitempty"`
	MaxKiB    int32
	WarmMiBps int32 `json:",omitempty"`
	Strategy  types.RecordDistributionStrategy
	// ScaledMs and SwitchedMs are the times of UpdateShardCount and of changes of mode, for
	// the limits per day.
	ScaledMs   []int64 `json:",omitempty"`
	SwitchedMs []int64 `json:",omitempty"`
}

// ref names a stream.
type ref struct{ account, region, name string }

func (r ref) key() []byte { return kv.Key(kv.SpaceKinesis, "s", r.account, r.region, r.name) }

func (r ref) arn() string {
	return aws.NewARN("kinesis", r.region, r.account, "stream/"+r.name).String()
}

func (st *stream) ref() ref { return ref{st.Account, st.Region, st.Name} }

func (st *stream) arn() string { return st.ref().arn() }

func (st *stream) created() time.Time { return time.UnixMilli(st.CreatedMs).UTC() }

func (st *stream) encryption() types.EncryptionType {
	if st.KeyID != "" {
		return types.EncryptionTypeKms
	}
	return types.EncryptionTypeNone
}

func (st *stream) maxRecordBytes() int { return int(st.MaxKiB) << 10 }

// cachedStream is a decoded value with the bytes it was decoded from: as long as the
// store holds the same bytes it is right.
type cachedStream struct {
	raw []byte
	st  *stream
}

// load reads a stream's settings. The result is shared: it must not be changed.
func (s *Service) load(r kv.Reader, at ref) (*stream, error) {
	key := at.key()
	raw, ok, err := r.Get(key)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, streamNotFound(at)
	}
	if c, ok := s.cache.Load(at); ok && bytes.Equal(c.(*cachedStream).raw, raw) {
		return c.(*cachedStream).st, nil
	}
	st, err := decodeStream(raw)
	if err != nil {
		return nil, err
	}
	s.cache.Store(at, &cachedStream{raw: bytes.Clone(raw), st: st})
	return st, nil
}

// edit reads a stream's settings for a change; save writes them.
func (s *Service) edit(r kv.Reader, at ref) (*stream, error) {
	raw, ok, err := r.Get(at.key())
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, streamNotFound(at)
	}
	return decodeStream(raw)
}

func decodeStream(raw []byte) (*stream, error) {
	st := &stream{}
	return st, decodeJSON(raw, st)
}

func (s *Service) save(tx kv.Txn, st *stream) error { return saveJSON(tx, st.ref().key(), st) }

func decodeJSON(raw []byte, v any) error {
	if len(raw) == 0 || raw[0] != valueVersion {
		return fmt.Errorf("%w: kinesis settings", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(raw[1:], v); err != nil {
		return fmt.Errorf("%w: kinesis settings: %w", kv.ErrCorrupt, err)
	}
	return nil
}

func saveJSON(tx kv.Txn, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, append([]byte{valueVersion}, b...))
}

// names are the ways a request may name its stream.
type names struct {
	name, arn, id *string
}

// find says which stream a request means and checks that its caller may do action
// on it. An ARN may name a stream of another account whose policy lets the caller in.
func (s *Service) find(ctx context.Context, n names) (ref, error) {
	req := aws.RequestFrom(ctx)
	at := ref{account: req.Account(), region: req.Region}
	if n.id != nil {
		return at, invalidArgument("StreamId is reserved for future use. Specify StreamARN or StreamName.")
	}
	if n.arn == nil {
		if n.name == nil {
			return at, invalidArgument("Either StreamARN or StreamName must be provided.")
		}
		at.name = *n.name
		return at, nil
	}
	at, rest, err := parseStreamARN(*n.arn)
	if err != nil {
		return at, err
	}
	if rest != "" {
		return at, invalidArgument("%s is not the ARN of a stream.", *n.arn)
	}
	if n.name != nil && *n.name != at.name {
		return at, invalidArgument("StreamARN %s and StreamName %s do not name the same stream.", *n.arn, *n.name)
	}
	return at, s.sameRegion(ctx, at)
}

func (s *Service) sameRegion(ctx context.Context, at ref) error {
	if req := aws.RequestFrom(ctx); at.region != req.Region {
		return resourceNotFound("Stream %s under account %s not found.", at.name, at.account)
	}
	return nil
}

// parseStreamARN takes a stream's ARN apart, or a consumer's: rest is then
// "NAME:CREATED".
func parseStreamARN(text string) (at ref, rest string, err error) {
	a, perr := aws.ParseARN(text)
	name, ok := strings.CutPrefix(a.Resource, "stream/")
	if perr != nil || !ok || a.Service != "kinesis" {
		return at, "", invalidArgument("Invalid ARN: %s", text)
	}
	if i := strings.Index(name, "/consumer/"); i >= 0 {
		name, rest = name[:i], name[i+len("/consumer/"):]
		if rest == "" {
			return at, "", invalidArgument("Invalid ARN: %s", text)
		}
	}
	return ref{account: a.Account, region: a.Region, name: name}, rest, nil
}

// authorize holds a caller of another account to the resource's policy. Callers of
// the owning account are held to their own policies before they come here.
func (s *Service) authorize(ctx context.Context, owner, policy, action, resource string) error {
	req := aws.RequestFrom(ctx)
	if req.Account() == owner {
		return nil
	}
	if policy != "" && s.policies != nil && s.policies.Allows(ctx, policy, "kinesis:"+action, resource) {
		return nil
	}
	return aws.Errorf("AccessDeniedException",
		"User: %s is not authorized to perform: kinesis:%s on resource: %s because no resource-based policy allows the kinesis:%s action",
		req.Caller.ARN, action, resource, action)
}

// open is load for a caller who must be allowed to do action.
func (s *Service) open(ctx context.Context, r kv.Reader, at ref, action string) (*stream, error) {
	st, err := s.load(r, at)
	if err != nil {
		return nil, err
	}
	if aws.RequestFrom(ctx).Account() == st.Account { // nearly all: they need no ARN spelled out
		return st, nil
	}
	return st, s.authorize(ctx, st.Account, st.Policy, action, st.arn())
}

// change edits a stream's settings in a transaction of its own.
func (s *Service) change(ctx context.Context, n names, action string, fn func(tx kv.Txn, st *stream) error) error {
	if err := s.limits.call(ctx, action, ""); err != nil {
		return err
	}
	at, err := s.find(ctx, n)
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx kv.Txn) error {
		st, err := s.edit(tx, at)
		if err != nil {
			return err
		}
		if err := s.authorize(ctx, st.Account, st.Policy, action, st.arn()); err != nil {
			return err
		}
		if err := fn(tx, st); err != nil {
			return err
		}
		return s.save(tx, st)
	})
}

// eachStream visits the streams of an account and region in order of their names,
// those after a name only.
func (s *Service) eachStream(r kv.Reader, account, region, after string, visit func(*stream) error) error {
	prefix := kv.Key(kv.SpaceKinesis, "s", account, region)
	rg := kv.PrefixRange(prefix)
	if after != "" {
		rg.Start = kv.After(kv.Append(prefix, after))
	}
	return r.Scan(rg, func(_, v []byte) error {
		st, err := decodeStream(v)
		if err != nil {
			return err
		}
		return visit(st)
	})
}

// everyStream visits the streams of all accounts and regions.
func (s *Service) everyStream(r kv.Reader, visit func(*stream) error) error {
	return r.Scan(kv.PrefixRange(kv.Key(kv.SpaceKinesis, "s")), func(_, v []byte) error {
		st, err := decodeStream(v)
		if err != nil {
			return err
		}
		return visit(st)
	})
}
