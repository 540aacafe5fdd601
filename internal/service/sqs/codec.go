package sqs

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/leatdev/leat/internal/kv"
)

// formatV1 is the first byte of every binary value of this room.
const formatV1 = 1

// message is what a sender gave; it never changes while the message stays in
// its queue. Times are milliseconds since the epoch.
type message struct {
	id         string
	body       string
	attributes map[string]types.MessageAttributeValue
	trace      *types.MessageSystemAttributeValue // AWSTraceHeader
	sender     string
	sentAt     int64
	delay      int64 // milliseconds; of its own, standard queues only
	group      string
	dedup      string
	source     string // ARN of the queue that gave it up as a dead letter
}

// status is what receiving changes.
type status struct {
	due      int64
	first    int64
	received int64
	receives uint32
}

type encoder struct{ b []byte }

func (e *encoder) str(s string) {
	e.b = binary.AppendUvarint(e.b, uint64(len(s)))
	e.b = append(e.b, s...)
}
func (e *encoder) num(n int64) { e.b = binary.AppendVarint(e.b, n) }

func (e *encoder) value(dataType *string, text *string, blob []byte) {
	e.str(aws.ToString(dataType))
	if text != nil {
		e.num(1)
		e.str(*text)
		return
	}
	e.num(2)
	e.str(string(blob))
}

var errDamaged = fmt.Errorf("sqs: malformed record: %w", kv.ErrCorrupt)

type decoder struct {
	b   []byte
	err error
}

func (d *decoder) str() string {
	n, w := binary.Uvarint(d.b)
	if w <= 0 || n > uint64(len(d.b)-w) {
		d.b, d.err = nil, errDamaged
		return ""
	}
	s := string(d.b[w : w+int(n)])
	d.b = d.b[w+int(n):]
	return s
}

func (d *decoder) num() int64 {
	n, w := binary.Varint(d.b)
	if w <= 0 {
		d.b, d.err = nil, errDamaged
		return 0
	}
	d.b = d.b[w:]
	return n
}

func (d *decoder) value() (dataType string, text *string, blob []byte) {
	dataType = d.str()
	kind, s := d.num(), ""
	s = d.str()
	if kind == 1 {
		return dataType, &s, nil
	}
	return dataType, nil, []byte(s)
}

func (d *decoder) finish() error {
	if d.err == nil && len(d.b) > 0 {
		return errDamaged
	}
	return d.err
}

func newDecoder(b []byte) (*decoder, error) {
	if len(b) == 0 {
		return nil, errDamaged
	}
	if b[0] != formatV1 {
		return nil, fmt.Errorf("sqs: record of unknown format %d: %w", b[0], kv.ErrCorrupt)
	}
	return &decoder{b: b[1:]}, nil
}

func (m *message) encode() []byte {
	e := &encoder{b: make([]byte, 1, len(m.body)+256)}
	e.b[0] = formatV1
	for _, s := range []string{m.id, m.body, m.sender, m.group, m.dedup, m.source} {
		e.str(s)
	}
	e.num(m.sentAt)
	e.num(m.delay)
	names := sortedNames(m.attributes)
	e.num(int64(len(names)))
	for _, n := range names {
		v := m.attributes[n]
		e.str(n)
		e.value(v.DataType, v.StringValue, v.BinaryValue)
	}
	if m.trace == nil {
		e.num(0)
	} else {
		e.num(1)
		e.value(m.trace.DataType, m.trace.StringValue, m.trace.BinaryValue)
	}
	return e.b
}

// maxStoredAttributes bounds what a record may claim to hold; it is above what
// any send accepts.
const maxStoredAttributes = 64

func decodeMessage(b []byte) (*message, error) {
	d, err := newDecoder(b)
	if err != nil {
		return nil, err
	}
	m := &message{}
	for _, p := range []*string{&m.id, &m.body, &m.sender, &m.group, &m.dedup, &m.source} {
		*p = d.str()
	}
	m.sentAt, m.delay = d.num(), d.num()
	n := d.num()
	if n < 0 || n > maxStoredAttributes {
		return nil, errDamaged
	}
	for range n {
		name := d.str()
		t, s, blob := d.value()
		if m.attributes == nil {
			m.attributes = make(map[string]types.MessageAttributeValue, n)
		}
		m.attributes[name] = types.MessageAttributeValue{DataType: &t, StringValue: s, BinaryValue: blob}
	}
	if d.num() == 1 {
		t, s, blob := d.value()
		m.trace = &types.MessageSystemAttributeValue{DataType: &t, StringValue: s, BinaryValue: blob}
	}
	return m, d.finish()
}

func (s status) encode() []byte {
	e := &encoder{b: []byte{formatV1}}
	e.num(s.due)
	e.num(s.first)
	e.num(s.received)
	e.num(int64(s.receives))
	return e.b
}

func decodeStatus(b []byte) (status, error) {
	d, err := newDecoder(b)
	if err != nil {
		return status{}, err
	}
	s := status{due: d.num(), first: d.num(), received: d.num()}
	s.receives = uint32(d.num())
	return s, d.finish()
}

// dedupRecord says what a deduplication id was answered with.
type dedupRecord struct {
	expires int64
	id      string
	seq     uint64
}

func (r dedupRecord) encode() []byte {
	e := &encoder{b: []byte{formatV1}}
	e.num(r.expires)
	e.str(r.id)
	e.num(int64(r.seq))
	return e.b
}

func decodeDedup(b []byte) (dedupRecord, error) {
	d, err := newDecoder(b)
	if err != nil {
		return dedupRecord{}, err
	}
	r := dedupRecord{expires: d.num(), id: d.str()}
	r.seq = uint64(d.num())
	return r, d.finish()
}

// attemptRecord says which messages a ReceiveRequestAttemptId was answered
// with, and by which of their receipts.
type attemptRecord struct {
	expires int64
	seqs    []uint64
	counts  []uint32
}

func (r attemptRecord) encode() []byte {
	e := &encoder{b: []byte{formatV1}}
	e.num(r.expires)
	e.num(int64(len(r.seqs)))
	for i := range r.seqs {
		e.num(int64(r.seqs[i]))
		e.num(int64(r.counts[i]))
	}
	return e.b
}

func decodeAttempt(b []byte) (attemptRecord, error) {
	d, err := newDecoder(b)
	if err != nil {
		return attemptRecord{}, err
	}
	r := attemptRecord{expires: d.num()}
	n := d.num()
	if n < 0 || n > MaxReceive {
		return r, errDamaged
	}
	for range n {
		r.seqs = append(r.seqs, uint64(d.num()))
		r.counts = append(r.counts, uint32(d.num()))
	}
	return r, d.finish()
}

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// Keys of the room.

func keyQueue(k queueKey) []byte {
	return kv.Key(kv.SpaceSQS, "q", k.account, k.region, k.name)
}
func keyTomb(k queueKey) []byte {
	return kv.Key(kv.SpaceSQS, "z", k.account, k.region, k.name)
}
func keyCounter() []byte                    { return kv.Key(kv.SpaceSQS, "c") }
func keyReserve(id uint64) []byte           { return kv.Key(kv.SpaceSQS, "n", id) }
func keyMessage(id, seq uint64) []byte      { return kv.Key(kv.SpaceSQS, "m", id, seq) }
func keyStatus(id, seq uint64) []byte       { return kv.Key(kv.SpaceSQS, "s", id, seq) }
func keyAttempt(id uint64, a string) []byte { return kv.Key(kv.SpaceSQS, "a", id, a) }
func keyDedup(id uint64, k dedupKey) []byte {
	return kv.Key(kv.SpaceSQS, "d", id, k.scope, k.id)
}
func keyTask(source, id string) []byte { return kv.Key(kv.SpaceSQS, "t", source, id) }

// tables lists the prefixes that hold what belongs to one queue's content.
var tables = []string{"m", "s", "d", "a"}

func encodeUint(n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{formatV1}, n) }

func decodeUint(b []byte) (uint64, error) {
	if len(b) != 9 || b[0] != formatV1 {
		return 0, errDamaged
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}
