package sns

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"sort"

	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/leatdev/leat/internal/kv"
)

// formatV1 is the first byte of every value of this room.
const formatV1 = 1

// topicRecord is a topic as the store keeps it.
type topicRecord struct {
	ID         uint64
	ARN        string
	Owner      string
	Attributes map[string]string
	Tags       map[string]string
	Deleted    int // subscriptions deleted so far
}

// subscriptionRecord is a subscription as the store keeps it.
type subscriptionRecord struct {
	ID            uint64
	ARN           string
	Topic         string // ARN
	Owner         string
	Protocol      string
	Endpoint      string
	Attributes    map[string]string
	Token         string // while it waits for confirmation
	Asked         int64  // when the token was last sent, milliseconds since the epoch
	Confirmed     bool
	Authenticated bool // only the owner may unsubscribe
}

// message is a published message, or one that asks for a confirmation.
type message struct {
	Seq        uint64 `json:"-"`
	Type       string // Notification, SubscriptionConfirmation
	ID         string
	Topic      string // ARN; empty for a message to a phone number
	Subject    string
	Body       string
	Bodies     map[string]string // per protocol, with MessageStructure json
	Attributes map[string]types.MessageAttributeValue
	Time       int64 // milliseconds since the epoch
	Group      string
	Dedup      string
	FIFO       bool
	Token      string
	Signature  string // version of the signature: 1 or 2
	Targets    []uint64
}

// leftover is a job of a message that is not done.
type leftover struct {
	Sub      uint64
	Attempts int
	Due      int64
}

func keyTopic(arn string) []byte            { return kv.Key(kv.SpaceSNS, "t", arn) }
func keySubscription(arn string) []byte     { return kv.Key(kv.SpaceSNS, "u", arn) }
func keyCounter() []byte                    { return kv.Key(kv.SpaceSNS, "c") }
func keyReserve() []byte                    { return kv.Key(kv.SpaceSNS, "n") }
func keyMessage(seq uint64) []byte          { return kv.Key(kv.SpaceSNS, "m", seq) }
func keyState(seq uint64) []byte            { return kv.Key(kv.SpaceSNS, "s", seq) }
func keyOutbox(seq uint64) []byte           { return kv.Key(kv.SpaceSNS, "o", seq) }
func keySigning() []byte                    { return kv.Key(kv.SpaceSNS, "k") }
func keyDedup(id uint64, k dedupKey) []byte { return kv.Key(kv.SpaceSNS, "x", id, k.scope, k.id) }

func putJSON(tx kv.Txn, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, append([]byte{formatV1}, b...))
}

func decodeJSON(b []byte, v any) error {
	if len(b) == 0 || b[0] != formatV1 {
		return fmt.Errorf("sns: record of unknown format: %w", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(b[1:], v); err != nil {
		return fmt.Errorf("sns: malformed record: %w: %w", kv.ErrCorrupt, err)
	}
	return nil
}

func encodeUint(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{formatV1}, n) }

func getUint(r kv.Reader, key []byte) (uint64, error) {
	b, ok, err := r.Get(key)
	if err != nil || !ok {
		return 0, err
	}
	if len(b) != 9 || b[0] != formatV1 {
		return 0, fmt.Errorf("sns: malformed number: %w", kv.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// nextID gives a number that no topic or subscription ever had.
func nextID(tx kv.Txn) (uint64, error) {
	n, err := getUint(tx, keyCounter())
	if err != nil {
		return 0, err
	}
	return n + 1, tx.Set(keyCounter(), encodeUint(n+1))
}

func lastUint(key, prefix []byte) (uint64, error) {
	d := kv.DecodeKey(key, len(prefix))
	n := d.Uint()
	if d.Err() != nil {
		return 0, fmt.Errorf("sns: malformed key: %w", kv.ErrCorrupt)
	}
	return n, nil
}

// load reads all topics and subscriptions, and gives the messages that are not
// delivered to their lanes, in order.
func (s *Service) load(ctx context.Context) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		if err := s.loadCatalogue(r); err != nil {
			return err
		}
		next, err := getUint(r, keyReserve())
		if err != nil {
			return err
		}
		s.next, s.reserved = next, next
		if err := s.loadOutbox(r); err != nil {
			return err
		}
		return s.loadMessages(r)
	})
}

func (s *Service) loadCatalogue(r kv.Reader) error {
	err := r.Scan(kv.PrefixRange(kv.Key(kv.SpaceSNS, "t")), func(_, b []byte) error {
		var rec topicRecord
		if err := decodeJSON(b, &rec); err != nil {
			return err
		}
		s.topics[rec.ARN] = newTopic(rec)
		return nil
	})
	if err != nil {
		return err
	}
	err = r.Scan(kv.PrefixRange(kv.Key(kv.SpaceSNS, "u")), func(_, b []byte) error {
		var rec subscriptionRecord
		if err := decodeJSON(b, &rec); err != nil {
			return err
		}
		sub, err := compile(rec)
		if err != nil {
			return err
		}
		s.enter(sub)
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range s.topics {
		if err := t.loadDedups(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *topic) loadDedups(r kv.Reader) error {
	prefix := kv.Key(kv.SpaceSNS, "x", t.id)
	err := r.Scan(kv.PrefixRange(prefix), func(key, b []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		k := dedupKey{d.String(), d.String()}
		if d.Err() != nil {
			return fmt.Errorf("sns: malformed key: %w", kv.ErrCorrupt)
		}
		rec := &dedup{}
		t.dedups[k] = rec
		t.order = append(t.order, k)
		return decodeJSON(b, rec)
	})
	sort.Slice(t.order, func(i, j int) bool { return t.dedups[t.order[i]].Expires < t.dedups[t.order[j]].Expires })
	return err
}

func (s *Service) loadMessages(r kv.Reader) error {
	states := map[uint64][]leftover{}
	prefix := kv.Key(kv.SpaceSNS, "s")
	err := r.Scan(kv.PrefixRange(prefix), func(key, b []byte) error {
		seq, err := lastUint(key, prefix)
		if err != nil {
			return err
		}
		var left []leftover
		err = decodeJSON(b, &left)
		states[seq] = left
		return err
	})
	if err != nil {
		return err
	}
	prefix = kv.Key(kv.SpaceSNS, "m")
	return r.Scan(kv.PrefixRange(prefix), func(key, b []byte) error {
		m, err := decodeMessage(key, prefix, b)
		if err != nil {
			return err
		}
		left, ok := states[m.Seq]
		if !ok {
			for _, id := range m.Targets {
				left = append(left, leftover{Sub: id})
			}
		}
		s.engine.resume(m, left)
		return nil
	})
}

func decodeMessage(key, prefix, b []byte) (*message, error) {
	m := &message{}
	seq, err := lastUint(key, prefix)
	if err != nil {
		return nil, err
	}
	err = decodeJSON(b, m)
	m.Seq = seq
	return m, err
}

// read fetches a message again.
func (s *Service) read(ctx context.Context, seq uint64) (m *message, err error) {
	key := keyMessage(seq)
	err = s.store.View(ctx, func(r kv.Reader) error {
		b, ok, err := r.Get(key)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("sns: message %d is to be delivered and not in the store", seq)
		}
		m, err = decodeMessage(key, kv.Key(kv.SpaceSNS, "m"), b)
		return err
	})
	return m, err
}

func (r topicRecord) clone() topicRecord {
	r.Attributes, r.Tags = maps.Clone(r.Attributes), maps.Clone(r.Tags)
	return r
}

func (r subscriptionRecord) clone() subscriptionRecord {
	r.Attributes = maps.Clone(r.Attributes)
	return r
}
