package dynamodb

import (
	"context"
	"encoding/binary"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// UpdateTimeToLive turns deletion of expired items on or off.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: the setting is in force at once and may be changed again at once, where AWS takes an hour; items are deleted seconds after they expire.
func (s *Service) UpdateTimeToLive(ctx context.Context, in *dynamodb.UpdateTimeToLiveInput) (*dynamodb.UpdateTimeToLiveOutput, error) {
	sp := in.TimeToLiveSpecification
	var p problems
	if in.TableName == nil {
		p.add("null", "tableName", mustNotBeNull)
	}
	if sp == nil {
		p.add("null", "timeToLiveSpecification", mustNotBeNull)
	} else {
		p.attributeName("timeToLiveSpecification.attributeName", sp.AttributeName)
		if sp.Enabled == nil {
			p.add("null", "timeToLiveSpecification.enabled", mustNotBeNull)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	err := s.changeTable(ctx, in.TableName, func(tx kv.Txn, t *Table) error {
		return s.setTTL(tx, t, *sp.AttributeName, *sp.Enabled)
	})
	if err != nil {
		return nil, err
	}
	wake(s.work)
	return &dynamodb.UpdateTimeToLiveOutput{TimeToLiveSpecification: sp}, nil
}

func (s *Service) setTTL(tx kv.Txn, t *Table, name string, enable bool) error {
	on := t.TTL != nil && t.TTL.Enabled
	switch {
	case on && enable && t.TTL.Attr != name:
		return validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTL.Attr)
	case on && enable:
		return validation("TimeToLive is already enabled")
	case !on && !enable:
		return validation("TimeToLive is already disabled")
	case enable:
		t.NextNum++
		t.TTL = &TTL{Attr: name, Num: t.NextNum, Enabled: true, Filling: true, Changed: s.millis()}
		return nil
	case t.TTL.Attr != name:
		return validation("TimeToLive is active on a different AttributeName: current AttributeName is %s", t.TTL.Attr)
	}
	prefix := spacePrefix(t.ID, t.TTL.Num)
	if err := tx.Delete(backfillKey(t.ID, t.TTL.Num)); err != nil {
		return err
	}
	t.TTL = &TTL{Attr: name, Changed: s.millis()}
	return tx.DeleteRange(prefix, kv.PrefixEnd(prefix))
}

// DescribeTimeToLive tells the time-to-live setting.
//
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) DescribeTimeToLive(ctx context.Context, in *dynamodb.DescribeTimeToLiveInput) (*dynamodb.DescribeTimeToLiveOutput, error) {
	d := &types.TimeToLiveDescription{TimeToLiveStatus: types.TimeToLiveStatusDisabled}
	err := s.viewTable(ctx, in.TableName, func(_ kv.Reader, t *Table) error {
		if t.TTL != nil && t.TTL.Enabled {
			d.TimeToLiveStatus, d.AttributeName = types.TimeToLiveStatusEnabled, awssdk.String(t.TTL.Attr)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &dynamodb.DescribeTimeToLiveOutput{TimeToLiveDescription: d}, nil
}

const (
	// sweepItems is how many expired items one transaction deletes.
	sweepItems = 100
	// maxExpiredAge: what expired longer ago than five years is taken for a mistake and left alone, as on AWS.
	maxExpiredAge = 5 * 365 * 24 * 3600
)

// sweepTTL deletes what has expired, in every table.
func (s *Service) sweepTTL(ctx context.Context) error {
	var refs []ref
	err := s.store.View(ctx, func(r kv.Reader) error {
		return s.eachTable(r, "", "", "", func(t *Table) error {
			if t.TTL != nil && t.TTL.Enabled {
				refs = append(refs, ref{t.Account, t.Region, t.Name})
			}
			return nil
		})
	})
	for _, ref := range refs {
		for more := true; err == nil && more; {
			more, err = s.expire(ctx, ref)
		}
	}
	return storage(err)
}

// expire deletes some expired items of a table and tells whether there may be more.
func (s *Service) expire(ctx context.Context, ref ref) (more bool, err error) {
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		more = false
		t, err := s.tableAt(tx, ref.key())
		if err != nil || t == nil || t.TTL == nil || !t.TTL.Enabled {
			return err
		}
		expired, err := s.expired(tx, t)
		if err != nil {
			return err
		}
		for _, p := range expired {
			c := &change{table: t, key: p, expired: true}
			if err := s.load(tx, c); err != nil {
				return err
			}
			if c.old == nil {
				continue
			}
			if err := s.apply(tx, c, fx); err != nil {
				return err
			}
		}
		more = len(expired) == sweepItems
		return nil
	})
	return more, err
}

// expired lists the keys of items that have expired, oldest first.
func (s *Service) expired(r kv.Reader, t *Table) ([]primary, error) {
	prefix := spacePrefix(t.ID, t.TTL.Num)
	now := s.now().Unix()
	rng := kv.Range{
		Start: binary.BigEndian.AppendUint64(kvAppend(prefix, nil), uint64(max(0, now-maxExpiredAge))),
		End:   binary.BigEndian.AppendUint64(kvAppend(prefix, nil), uint64(now)),
	}
	var out []primary
	err := r.Scan(rng, func(k, _ []byte) error {
		if len(out) == sweepItems {
			return kv.ErrStop
		}
		p, err := parsePrimary(kvAppend(nil, k[len(prefix)+8:]))
		if err == nil {
			out = append(out, p)
		}
		return err
	})
	return out, err
}

// parsePrimary finds where the partition ends in an encoded key.
func parsePrimary(raw []byte) (primary, error) {
	if len(raw) < 8 {
		return primary{}, attr.ErrStored
	}
	n, w := binary.Uvarint(raw[8:])
	if w <= 0 || n > uint64(len(raw)-8-w) {
		return primary{}, attr.ErrStored
	}
	return primary{raw: raw, part: 8 + w + int(n)}, nil
}
