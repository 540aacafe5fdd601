package dynamodb

import (
	"bytes"
	"context"
	"errors"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
)

// Sweep does the background work that is due: it fills new indexes, deletes
// expired items, rolls over and drops streams and forgets old client tokens. The
// sweeper calls it; tests may too.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.fill(ctx), s.sweepTTL(ctx), s.sweepStreams(ctx), s.sweepTokens(ctx))
}

// fillItems and fillBytes bound how much of a table one transaction of a backfill visits.
const (
	fillItems = 500
	fillBytes = 1 << 20
)

func backfillKey(table, index uint64) []byte { return kv.Key(kv.SpaceDynamoDB, "b", table, index) }

// fill carries on every backfill until it is done.
func (s *Service) fill(ctx context.Context) error {
	var refs []ref
	err := s.store.View(ctx, func(r kv.Reader) error {
		return s.eachTable(r, "", "", "", func(t *Table) error {
			if t.filling() {
				refs = append(refs, ref{t.Account, t.Region, t.Name})
			}
			return nil
		})
	})
	for _, ref := range refs {
		for more := true; err == nil && more; {
			more, err = s.fillSome(ctx, ref)
		}
	}
	return storage(err)
}

func (t *Table) filling() bool {
	if t.TTL != nil && t.TTL.Filling {
		return true
	}
	for i := range t.Indexes {
		if t.Indexes[i].Filling {
			return true
		}
	}
	return false
}

// fillSome fills one index of a table from where its backfill stands. An index
// is kept up to date by every write from its creation on, so that the backfill
// only has to add what is not there.
func (s *Service) fillSome(ctx context.Context, ref ref) (more bool, err error) {
	_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
		more = false
		t, err := s.tableAt(tx, ref.key())
		if err != nil || t == nil || !t.filling() {
			return err
		}
		more = true
		if t.TTL != nil && t.TTL.Filling {
			return s.fillPage(tx, t, t.TTL.Num, func(it attr.Item, p primary) error {
				if at, ok := t.expiryOf(it); ok {
					fx.set(ttlKey(t, at, p), []byte{valueVersion})
				}
				return nil
			})
		}
		for i := range t.Indexes {
			if ix := &t.Indexes[i]; ix.Filling {
				return s.fillPage(tx, t, ix.Num, func(it attr.Item, p primary) error { return s.fillItem(tx, t, ix, it, p, fx) })
			}
		}
		return nil
	})
	return more, err
}

func (s *Service) fillItem(tx kv.Reader, t *Table, ix *Index, it attr.Item, p primary, fx *effects) error {
	raw, ok := t.indexRaw(ix, it, p)
	if !ok {
		return nil
	}
	key := kvAppend(spacePrefix(t.ID, ix.Num), raw)
	if _, there, err := tx.Get(key); err != nil || there {
		return err
	}
	proj := ix.project(it)
	fx.set(key, encodeRecord(proj))
	fx.count(t, ix.Num, counts{1, int64(proj.Size())})
	return nil
}

// fillPage visits the next items of the table and moves the backfill's mark
// behind them, or ends the backfill.
func (s *Service) fillPage(tx kv.Txn, t *Table, index uint64, visit func(attr.Item, primary) error) error {
	prefix := spacePrefix(t.ID, baseIndex)
	rng := kv.PrefixRange(prefix)
	mark := backfillKey(t.ID, index)
	if b, ok, err := tx.Get(mark); err != nil {
		return err
	} else if ok {
		rng.Start = kv.After(bytes.Clone(b[1:]))
	}
	type entry struct {
		it attr.Item
		p  primary
	}
	var page []entry
	var last []byte
	size := 0
	err := tx.Scan(rng, func(k, v []byte) error {
		if len(page) == fillItems || size >= fillBytes {
			return kv.ErrStop
		}
		it, rec, err := decodeRecord(v)
		if err != nil {
			return err
		}
		p, err := parsePrimary(bytes.Clone(k[len(prefix):]))
		if err != nil {
			return err
		}
		last = bytes.Clone(k)
		size += rec.size
		page = append(page, entry{it, p})
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range page {
		if err := visit(e.it, e.p); err != nil {
			return err
		}
	}
	if len(page) == fillItems || size >= fillBytes {
		return tx.Set(mark, append([]byte{valueVersion}, last...))
	}
	if err := tx.Delete(mark); err != nil {
		return err
	}
	return s.filled(tx, t.clone(), index)
}

// filled marks an index as complete.
func (s *Service) filled(tx kv.Txn, t *Table, index uint64) error {
	if t.TTL != nil && t.TTL.Num == index {
		done := *t.TTL
		done.Filling = false
		t.TTL = &done
	}
	for i := range t.Indexes {
		if t.Indexes[i].Num == index {
			t.Indexes[i].Filling = false
		}
	}
	return s.saveTable(tx, t)
}

// sweepTokens forgets client tokens that have expired.
func (s *Service) sweepTokens(ctx context.Context) error {
	for more := true; more; {
		dead, err := s.deadTokens(ctx)
		if err != nil || len(dead) == 0 {
			return storage(err)
		}
		more = len(dead) == fillItems
		now := s.millis()
		_, err = s.update(ctx, func(tx kv.Txn, fx *effects) error {
			for _, d := range dead {
				b, ok, err := tx.Get(d.token)
				if err != nil {
					return err
				}
				if ok && expiryOfToken(b) <= now {
					fx.remove(d.token)
				}
				fx.remove(d.expiry)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

type deadToken struct{ token, expiry []byte }

// deadTokens lists some entries of tokens that have expired, or were remembered anew since.
func (s *Service) deadTokens(ctx context.Context) (dead []deadToken, err error) {
	rng := kv.Range{Start: kv.Key(kv.SpaceDynamoDB, "y"), End: kv.Key(kv.SpaceDynamoDB, "y", uint64(s.millis())+1)}
	err = s.store.View(ctx, func(r kv.Reader) error {
		dead = nil
		return r.Scan(rng, func(k, v []byte) error {
			dead = append(dead, deadToken{token: bytes.Clone(v), expiry: bytes.Clone(k)})
			if len(dead) == fillItems {
				return kv.ErrStop
			}
			return nil
		})
	})
	return dead, err
}
