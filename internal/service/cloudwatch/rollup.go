package cloudwatch

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// tier is an interval and how long points of it are kept before they become points of the next.
type tier struct {
	seconds int64
	keep    time.Duration
}

const day = 24 * time.Hour

// tiers are AWS's, from fine to coarse. What leaves the last one is gone.
var tiers = [...]tier{{1, 3 * time.Hour}, {60, 15 * day}, {300, 63 * day}, {3600, 455 * day}}

// Bounds of the transactions that roll up.
const (
	rollPage  = 500 // series looked up at a time
	rollBatch = 500 // points moved at a time
)

// RollUp moves points that have grown old into the next interval, and forgets what is
// older than all intervals. It works in small transactions; what a failure leaves is
// done by the next call.
func (s *Service) RollUp(ctx context.Context) error {
	for from := kv.Key(kv.SpaceMetrics, "s"); from != nil; {
		page, next, err := s.seriesFrom(ctx, from)
		if err != nil {
			return err
		}
		for _, x := range page {
			if err := s.rollUpSeries(ctx, x); err != nil {
				return err
			}
		}
		from = next
	}
	return nil
}

// stored is a series and its record.
type stored struct {
	series
	active int64
}

// seriesFrom reads a page of series of all places; next is nil at the end.
func (s *Service) seriesFrom(ctx context.Context, from []byte) (page []stored, next []byte, err error) {
	end := kv.PrefixEnd(kv.Key(kv.SpaceMetrics, "s"))
	err = s.store.View(ctx, func(r kv.Reader) error {
		page, next = nil, nil
		return r.Scan(kv.Range{Start: from, End: end}, func(key, value []byte) error {
			x, err := decodeStored(key, value)
			if err != nil {
				return err
			}
			if page = append(page, x); len(page) == rollPage {
				next = kv.After(key)
				return kv.ErrStop
			}
			return nil
		})
	})
	return page, next, err
}

// decodeStored reads a series from its pair.
func decodeStored(key, value []byte) (stored, error) {
	rec, err := decodeSeries(value)
	if err != nil {
		return stored{}, err
	}
	d := kv.DecodeKey(key, 1)
	_ = d.String() // the kind
	x := series{place: place{d.String(), d.String()}, namespace: d.String(), name: d.String(), dims: encodeDims(rec.Dimensions)}
	_ = d.Bytes() // the id
	return stored{x, rec.Active}, d.Err()
}

// rollUpSeries settles one series as of now.
func (s *Service) rollUpSeries(ctx context.Context, x stored) error {
	now := s.clock.Now()
	if now.Sub(time.Unix(x.active, 0)) > tiers[len(tiers)-1].keep+day {
		return s.forget(ctx, x)
	}
	for i := range tiers {
		old := kv.Range{
			Start: kv.Append(x.points(), tiers[i].seconds),
			End:   kv.Append(x.points(), tiers[i].seconds, now.Add(-tiers[i].keep).Unix()/tiers[i].seconds*tiers[i].seconds),
		}
		for more := true; more; {
			// Most series have nothing old: a look costs no transaction.
			if err := s.store.View(ctx, func(r kv.Reader) error {
				more = false
				return r.Scan(old, func(_, _ []byte) error { more = true; return kv.ErrStop })
			}); err != nil || !more {
				if err != nil {
					return err
				}
				break
			}
			if err := s.store.Update(ctx, func(t kv.Txn) error { return move(t, x.series, i, old) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// move makes points of the next interval of up to rollBatch points in old, of tier i.
func move(t kv.Txn, x series, i int, old kv.Range) error {
	var keys [][]byte
	sums := map[bucket]*point{}
	prefix := kv.Append(x.points(), tiers[i].seconds)
	err := t.Scan(old, func(key, value []byte) error {
		keys = append(keys, append([]byte(nil), key...))
		if i+1 < len(tiers) {
			d := kv.DecodeKey(key, len(prefix))
			at, next := bucket{d.Int(), d.String()}, tiers[i+1].seconds
			if err := d.Err(); err != nil {
				return err
			}
			at.at = at.at / next * next
			p, err := decodePoint(value, true)
			if err != nil {
				return err
			}
			if sum := sums[at]; sum != nil {
				sum.merge(p)
			} else {
				sums[at] = p
			}
		}
		if len(keys) == rollBatch {
			return kv.ErrStop
		}
		return nil
	})
	if err != nil {
		return err
	}
	for at, p := range sums {
		if err := mergeInto(t, pointKey(x.points(), tiers[i+1].seconds, at.at, at.unit), p); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := t.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a series that nobody has put to for as long as anything is kept.
func (s *Service) forget(ctx context.Context, x stored) error {
	return s.store.Update(ctx, func(t kv.Txn) error {
		b, ok, err := t.Get(x.key())
		if err != nil || !ok {
			return err
		}
		rec, err := decodeSeries(b)
		if err != nil || rec.Active != x.active { // put to meanwhile
			return err
		}
		points := x.points()
		if err := t.DeleteRange(points, kv.PrefixEnd(points)); err != nil {
			return err
		}
		if err := t.Delete(x.key()); err != nil {
			return err
		}
		return s.count(t, x.place, -1)
	})
}
