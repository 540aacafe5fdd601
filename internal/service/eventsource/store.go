package eventsource

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// Values begin with this version byte; what follows is JSON.
const valueVersion = 1

func mappingKey(uuid string) []byte      { return kv.Key(kv.SpaceEventSource, "m", uuid) }
func shardKey(uuid, shard string) []byte { return kv.Key(kv.SpaceEventSource, "c", uuid, shard) }
func shardPrefix(uuid string) []byte     { return kv.Key(kv.SpaceEventSource, "c", uuid) }
func generationKey(uuid string) []byte   { return kv.Key(kv.SpaceEventSource, "g", uuid) }

// shardState is how far a mapping is in a shard.
type shardState struct {
	machine.Checkpoint
	Finished bool `json:"finished,omitempty"`
	// Fixed says that an empty sequence stands for the shard's beginning, whatever
	// the mapping's starting position is.
	Fixed bool `json:"fixed,omitempty"`
}

func encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append([]byte{valueVersion}, b...), err
}

func decode(b []byte, v any) error {
	if len(b) == 0 || b[0] != valueVersion {
		return fmt.Errorf("%w: unknown version of an event source mapping's value", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(b[1:], v); err != nil {
		return fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return nil
}

func set(tx kv.Txn, key []byte, v any) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	return tx.Set(key, b)
}

// mappings gives all mappings in the order of their UUIDs.
func (s *Service) mappings(ctx context.Context) (list []*Mapping, err error) {
	err = s.opts.Store.View(ctx, func(r kv.Reader) error {
		list = nil
		return r.Scan(kv.PrefixRange(kv.Key(kv.SpaceEventSource, "m")), func(_, value []byte) error {
			m := &Mapping{}
			list = append(list, m)
			return decode(value, m)
		})
	})
	return list, err
}

// load gives one mapping, or nil.
func (s *Service) load(ctx context.Context, uuid string) (m *Mapping, err error) {
	err = s.opts.Store.View(ctx, func(r kv.Reader) error {
		m = nil
		b, ok, err := r.Get(mappingKey(uuid))
		if err != nil || !ok {
			return err
		}
		m = &Mapping{}
		return decode(b, m)
	})
	return m, err
}

// change rewrites a mapping that exists; it does nothing for one that does not.
func (s *Service) change(ctx context.Context, uuid string, edit func(*Mapping)) error {
	return s.opts.Store.Update(ctx, func(tx kv.Txn) error {
		b, ok, err := tx.Get(mappingKey(uuid))
		if err != nil || !ok {
			return err
		}
		m := &Mapping{}
		if err := decode(b, m); err != nil {
			return err
		}
		edit(m)
		return set(tx, mappingKey(uuid), m)
	})
}

// shardStates gives what is stored of a mapping's shards.
func (s *Service) shardStates(ctx context.Context, uuid string) (states map[string]shardState, generation string, err error) {
	prefix := shardPrefix(uuid)
	err = s.opts.Store.View(ctx, func(r kv.Reader) error {
		states = map[string]shardState{}
		b, ok, err := r.Get(generationKey(uuid))
		if err != nil {
			return err
		}
		if ok {
			if err := decode(b, &generation); err != nil {
				return err
			}
		}
		return r.Scan(kv.PrefixRange(prefix), func(key, value []byte) error {
			var st shardState
			if err := decode(value, &st); err != nil {
				return err
			}
			states[kv.DecodeKey(key, len(prefix)).String()] = st
			return nil
		})
	})
	return states, generation, err
}

func (s *Service) saveShard(ctx context.Context, uuid, shard string, st shardState) error {
	return s.opts.Store.Update(ctx, func(tx kv.Txn) error {
		// A worker that outlives its mapping for a moment must leave nothing behind.
		if _, ok, err := tx.Get(mappingKey(uuid)); err != nil || !ok {
			return err
		}
		return set(tx, shardKey(uuid, shard), st)
	})
}

// resetShards forgets all positions: the stream they speak of is gone.
func (s *Service) resetShards(ctx context.Context, uuid, generation string) error {
	return s.opts.Store.Update(ctx, func(tx kv.Txn) error {
		prefix := shardPrefix(uuid)
		if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
			return err
		}
		return set(tx, generationKey(uuid), generation)
	})
}

// remove deletes a mapping and its positions.
func (s *Service) remove(ctx context.Context, uuid string) error {
	return s.opts.Store.Update(ctx, func(tx kv.Txn) error {
		prefix := shardPrefix(uuid)
		if err := tx.DeleteRange(prefix, kv.PrefixEnd(prefix)); err != nil {
			return err
		}
		if err := tx.Delete(generationKey(uuid)); err != nil {
			return err
		}
		return tx.Delete(mappingKey(uuid))
	})
}
