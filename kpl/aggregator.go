package kpl

import (
	"crypto/md5"
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Record is a record to put on a stream.
type Record struct {
	PartitionKey string
	// ExplicitHashKey is empty if the first user record had none.
	ExplicitHashKey string
	Data            []byte
	// UserRecords is how many user records are inside.
	UserRecords int
}

// ErrFull: the user record does not fit beside those already added. Drain, and add it again.
var ErrFull = errors.New("the aggregated record is full")

// ErrTooLarge: the user record fits no aggregated record at all.
var ErrTooLarge = errors.New("the user record is too large")

// Aggregator collects user records into one record. All of them must belong to
// one shard, for readers drop what is not theirs: group them by the shard that
// their hash key falls in. It is not safe for concurrent use.
type Aggregator struct {
	maxBytes, maxCount int

	partitionKeys, hashKeys table
	records                 []byte // encoded fields "records"
	count                   int
	first                   UserRecord
}

// table numbers the keys in the order they come.
type table struct {
	index   map[string]uint64
	encoded []byte
}

func (t *table) lookup(key string) (index uint64, added int) {
	if i, ok := t.index[key]; ok {
		return i, 0
	}
	return uint64(len(t.index)), 1 + protowire.SizeBytes(len(key)) // every field number here takes one byte
}

func (t *table) add(field protowire.Number, key string) uint64 {
	if i, ok := t.index[key]; ok {
		return i
	}
	i := uint64(len(t.index))
	t.index[key] = i
	t.encoded = protowire.AppendTag(t.encoded, field, protowire.BytesType)
	t.encoded = protowire.AppendString(t.encoded, key)
	return i
}

func (t *table) reset() {
	t.index = map[string]uint64{}
	t.encoded = t.encoded[:0]
}

// NewAggregator makes an Aggregator whose records are at most maxBytes large,
// partition key included, and hold at most maxCount user records. Zeros stand
// for DefaultMaxBytes and MaxUserRecords; what is past MaxBytes and MaxUserRecords is cut down to them.
func NewAggregator(maxBytes, maxCount int) *Aggregator {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	if maxCount <= 0 {
		maxCount = MaxUserRecords
	}
	a := &Aggregator{maxBytes: min(maxBytes, MaxBytes), maxCount: min(maxCount, MaxUserRecords)}
	a.reset()
	return a
}

func (a *Aggregator) reset() {
	a.partitionKeys.reset()
	a.hashKeys.reset()
	a.records, a.count, a.first = a.records[:0], 0, UserRecord{}
}

// Len is the number of user records added since the last Drain.
func (a *Aggregator) Len() int { return a.count }

// Size is how large the record is that Drain would give, in bytes, partition key included.
func (a *Aggregator) Size() int {
	if a.count == 0 {
		return 0
	}
	return overhead + len(a.partitionKeys.encoded) + len(a.hashKeys.encoded) + len(a.records) + len(a.first.PartitionKey)
}

// Add takes a user record; its data is copied. It fails with ErrFull when there
// is no room beside the others, with ErrTooLarge when there would be none in an
// empty record either (put such a record by itself), and with what is wrong with a key.
func (a *Aggregator) Add(u UserRecord) error {
	if err := checkKeys(u); err != nil {
		return err
	}
	body, added := a.measure(u)
	size := a.Size() + added + 1 + protowire.SizeBytes(body)
	if a.count == 0 {
		size += overhead + len(u.PartitionKey)
	}
	if size > a.maxBytes || a.count == a.maxCount {
		if a.count == 0 {
			return fmt.Errorf("%w: it makes %d bytes of %d", ErrTooLarge, size, a.maxBytes)
		}
		return ErrFull
	}
	if a.count == 0 {
		a.first = u
		a.first.Data = append([]byte(nil), u.Data...)
	}
	a.append(u, body)
	a.count++
	return nil
}

// measure gives the encoded size of the record's body and what the tables grow by.
func (a *Aggregator) measure(u UserRecord) (body, added int) {
	i, n := a.partitionKeys.lookup(u.PartitionKey)
	body, added = 1+protowire.SizeVarint(i), n
	if u.ExplicitHashKey != "" {
		i, n = a.hashKeys.lookup(u.ExplicitHashKey)
		body, added = body+1+protowire.SizeVarint(i), added+n
	}
	body += 1 + protowire.SizeBytes(len(u.Data))
	for _, tag := range u.Tags {
		body += 1 + protowire.SizeBytes(tag.size())
	}
	return body, added
}

func (t Tag) size() int {
	return 2 + protowire.SizeBytes(len(t.Key)) + protowire.SizeBytes(len(t.Value))
}

func (a *Aggregator) append(u UserRecord, body int) {
	b := protowire.AppendTag(a.records, fieldRecords, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(body))
	b = protowire.AppendTag(b, fieldPartitionKeyIndex, protowire.VarintType)
	b = protowire.AppendVarint(b, a.partitionKeys.add(fieldPartitionKeys, u.PartitionKey))
	if u.ExplicitHashKey != "" {
		b = protowire.AppendTag(b, fieldHashKeyIndex, protowire.VarintType)
		b = protowire.AppendVarint(b, a.hashKeys.add(fieldHashKeys, u.ExplicitHashKey))
	}
	b = protowire.AppendTag(b, fieldData, protowire.BytesType)
	b = protowire.AppendBytes(b, u.Data)
	for _, tag := range u.Tags {
		b = protowire.AppendTag(b, fieldTags, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(tag.size()))
		b = protowire.AppendTag(b, fieldTagKey, protowire.BytesType)
		b = protowire.AppendString(b, tag.Key)
		b = protowire.AppendTag(b, fieldTagValue, protowire.BytesType)
		b = protowire.AppendString(b, tag.Value)
	}
	a.records = b
}

// Drain gives the record and empties the Aggregator; ok is false when nothing
// was added. A single user record is given as an ordinary record, as the KPL
// does, unless only the aggregated form can carry it: when it has tags, or would
// itself be taken for an aggregated record.
func (a *Aggregator) Drain() (r Record, ok bool) {
	if a.count == 0 {
		return Record{}, false
	}
	defer a.reset()
	r = Record{PartitionKey: a.first.PartitionKey, ExplicitHashKey: a.first.ExplicitHashKey, UserRecords: a.count}
	if a.count == 1 && len(a.first.Tags) == 0 && !IsAggregated(a.first.Data) {
		r.Data = a.first.Data
		return r, true
	}
	data := make([]byte, 0, a.Size())
	data = append(data, magic...)
	data = append(data, a.partitionKeys.encoded...)
	data = append(data, a.hashKeys.encoded...)
	data = append(data, a.records...)
	sum := md5.Sum(data[len(magic):])
	r.Data = append(data, sum[:]...)
	return r, true
}

var errHashKey = errors.New("the explicit hash key is not a decimal number below 2^128")

// maxHashKey is 2^128-1.
const maxHashKey = "340282366920938463463374607431768211455"

func checkKeys(u UserRecord) error {
	if n := utf8.RuneCountInString(u.PartitionKey); n == 0 || n > MaxPartitionKeyChars || !utf8.ValidString(u.PartitionKey) {
		return fmt.Errorf("the partition key must be UTF-8 of 1 to %d characters", MaxPartitionKeyChars)
	}
	key := u.ExplicitHashKey
	if key == "" {
		return nil
	}
	for i := range len(key) {
		if key[i] < '0' || key[i] > '9' {
			return errHashKey
		}
	}
	if len(key) > MaxHashKeyDigits || (len(key) > 1 && key[0] == '0') || (len(key) == len(maxHashKey) && key > maxHashKey) {
		return errHashKey
	}
	return nil
}
