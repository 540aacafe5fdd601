package sns

import (
	"context"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
)

// MaxOutbox bounds the outbox; the oldest items make room.
const MaxOutbox = 10_000

// OutboxItem is an e-mail or a text message that AWS would have sent.
type OutboxItem struct {
	Seq      uint64
	Time     int64 // milliseconds since the epoch
	Protocol string
	To       string
	Topic    string // ARN, empty for a message to a phone number
	Message  string // id
	Subject  string
	Body     string
}

// toOutbox keeps what would go out to a person.
func (s *Service) toOutbox(ctx context.Context, m *message, sub *subscription) error {
	item := OutboxItem{
		Time: s.now(), Protocol: sub.rec.Protocol, To: sub.rec.Endpoint, Topic: m.Topic, Message: m.ID,
		Subject: m.Subject, Body: m.bodyOf(sub.rec.Protocol),
	}
	switch {
	case sub.rec.Protocol == "email-json":
		body, err := s.envelope(ctx, m, sub)
		if err != nil {
			return err
		}
		item.Body = body
	case m.Type == typeConfirmation:
		item.Body = m.Body + "\n" + s.subscribeURL(m)
	}
	if item.Subject == "" && sub.rec.Protocol != "sms" {
		item.Subject = "AWS Notification Message"
		if m.Type == typeConfirmation {
			item.Subject = "AWS Notification - Subscription Confirmation"
		}
	}
	return s.post(ctx, item)
}

// post adds an item, and takes away the oldest beyond the limit.
func (s *Service) post(ctx context.Context, item OutboxItem) error {
	s.boxMu.Lock()
	defer s.boxMu.Unlock()
	seq, err := s.sequence(ctx, 1)
	if err != nil {
		return err
	}
	item.Seq = seq
	var oldest []uint64
	if len(s.box) >= MaxOutbox {
		oldest = s.box[:len(s.box)-MaxOutbox+1]
	}
	err = s.update(ctx, func(tx kv.Txn) error {
		for _, old := range oldest {
			if err := tx.Delete(keyOutbox(old)); err != nil {
				return err
			}
		}
		return putJSON(tx, keyOutbox(seq), item)
	})
	if err == nil {
		s.box = append(s.box[len(oldest):], seq)
	}
	return err
}

// loadOutbox reads which items there are.
func (s *Service) loadOutbox(r kv.Reader) error {
	prefix := kv.Key(kv.SpaceSNS, "o")
	return r.Scan(kv.PrefixRange(prefix), func(key, _ []byte) error {
		seq, err := lastUint(key, prefix)
		s.box = append(s.box, seq)
		return err
	})
}

// Outbox lists up to limit items, the latest first.
func (s *Service) Outbox(ctx context.Context, limit int) (items []OutboxItem, err error) {
	r := kv.PrefixRange(kv.Key(kv.SpaceSNS, "o"))
	r.Reverse = true
	err = s.store.View(ctx, func(rd kv.Reader) error {
		items = nil
		return rd.Scan(r, func(_, b []byte) error {
			if len(items) >= limit {
				return kv.ErrStop
			}
			var item OutboxItem
			if err := decodeJSON(b, &item); err != nil {
				return err
			}
			items = append(items, item)
			return nil
		})
	})
	return items, err
}

func sequenceText(seq uint64) string { return fmt.Sprintf("1%019d", seq) }
