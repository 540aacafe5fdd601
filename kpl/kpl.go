// Package kpl reads and writes the aggregated records of the Kinesis Producer
// Library: many small user records inside one record of a stream.
//
//	┌──────────────┬────────────────────────────────────┬─────────────────┐
//	│ F3 89 9A C2  │ protobuf message AggregatedRecord  │ MD5 of message  │
//	└──────────────┴────────────────────────────────────┴─────────────────┘
//	   4 bytes                                              16 bytes
//
//	message AggregatedRecord {                  message Record {
//	  repeated string partition_key_table = 1;    required uint64 partition_key_index = 1;
//	  repeated string explicit_hash_key_table = 2;optional uint64 explicit_hash_key_index = 2;
//	  repeated Record records = 3;                required bytes data = 3;
//	}                                             repeated Tag tags = 4;
//	message Tag { required string key = 1;      }
//	              optional string value = 2; }
//
// Keys stand once in the tables and the user records point at them. A record
// that lacks the magic number, or whose checksum or message is broken, is by the
// format's rules an ordinary record that happens to begin so: it is passed
// through as it is.
package kpl

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits of aggregated records.
const (
	// DefaultMaxBytes is how large the KPL lets an aggregated record grow.
	DefaultMaxBytes = 51200
	// MaxBytes is the largest aggregated record an Aggregator makes: Kinesis's
	// limit of one record, partition key included.
	MaxBytes = 1 << 20
	// MaxUserRecords bounds the user records in one record, in both directions. A
	// record of MaxBytes cannot hold more.
	MaxUserRecords = 1 << 18
	// MaxPartitionKeyChars and MaxHashKeyDigits bound the keys of a user record, as in Kinesis.
	MaxPartitionKeyChars = 256
	MaxHashKeyDigits     = 39
)

var magic = []byte{0xF3, 0x89, 0x9A, 0xC2}

const overhead = 4 + md5.Size

// Field numbers of the messages.
const (
	fieldPartitionKeys = 1
	fieldHashKeys      = 2
	fieldRecords       = 3

	fieldPartitionKeyIndex = 1
	fieldHashKeyIndex      = 2
	fieldData              = 3
	fieldTags              = 4

	fieldTagKey   = 1
	fieldTagValue = 2
)

// UserRecord is what a producer put, before aggregation.
type UserRecord struct {
	PartitionKey string
	// ExplicitHashKey is a decimal number below 2^128, or empty.
	ExplicitHashKey string
	Data            []byte
	Tags            []Tag
}

// Tag is a label of a user record; the KPL reserves them and does not use them yet.
type Tag struct {
	Key, Value string
}

// ErrNotAggregated: the data has no magic number, or its checksum does not
// match. Such data is an ordinary record.
var ErrNotAggregated = errors.New("not a KPL aggregated record")

// IsAggregated tells whether data is an aggregated record by its magic number
// and checksum; the message inside may still be broken.
func IsAggregated(data []byte) bool {
	if len(data) < overhead || !bytes.Equal(data[:len(magic)], magic) {
		return false
	}
	end := len(data) - md5.Size
	sum := md5.Sum(data[len(magic):end])
	return bytes.Equal(sum[:], data[end:])
}

// Deaggregate gives the user records inside a record of a stream, and whether
// it was aggregated. An ordinary record is given as its only user record. The
// data of the results points into the data given.
func Deaggregate(partitionKey string, data []byte) (records []UserRecord, aggregated bool) {
	records, err := Decode(data)
	if err != nil {
		return []UserRecord{{PartitionKey: partitionKey, Data: data}}, false
	}
	return records, true
}

// Decode gives the user records of an aggregated record, in order; their data
// points into data. It fails with ErrNotAggregated, or with what is wrong with the message.
func Decode(data []byte) ([]UserRecord, error) {
	if !IsAggregated(data) {
		return nil, ErrNotAggregated
	}
	message := data[len(magic) : len(data)-md5.Size]
	var partitionKeys, hashKeys []string
	var raw [][]byte
	err := eachField(message, func(num protowire.Number, _ uint64, value []byte) error {
		switch num {
		case fieldPartitionKeys:
			partitionKeys = append(partitionKeys, string(value))
		case fieldHashKeys:
			hashKeys = append(hashKeys, string(value))
		case fieldRecords:
			raw = append(raw, value)
		}
		if len(raw) > MaxUserRecords || len(partitionKeys) > MaxUserRecords || len(hashKeys) > MaxUserRecords {
			return fmt.Errorf("more than %d user records", MaxUserRecords)
		}
		return nil
	}, fieldPartitionKeys, fieldHashKeys, fieldRecords)
	if err != nil {
		return nil, err
	}
	// The tables may stand after the records, so indexes are resolved only now.
	records := make([]UserRecord, len(raw))
	for i, r := range raw {
		if err := records[i].decode(r, partitionKeys, hashKeys); err != nil {
			return nil, fmt.Errorf("user record %d: %w", i, err)
		}
	}
	return records, nil
}

func (u *UserRecord) decode(message []byte, partitionKeys, hashKeys []string) error {
	var hasKey, hasData bool
	err := eachField(message, func(num protowire.Number, n uint64, value []byte) error {
		switch num {
		case fieldPartitionKeyIndex:
			if n >= uint64(len(partitionKeys)) {
				return fmt.Errorf("partition key index %d of %d", n, len(partitionKeys))
			}
			u.PartitionKey, hasKey = partitionKeys[n], true
		case fieldHashKeyIndex:
			if n >= uint64(len(hashKeys)) {
				return fmt.Errorf("explicit hash key index %d of %d", n, len(hashKeys))
			}
			u.ExplicitHashKey = hashKeys[n]
		case fieldData:
			u.Data, hasData = value, true
		case fieldTags:
			tag, err := decodeTag(value)
			u.Tags = append(u.Tags, tag)
			return err
		}
		return nil
	}, fieldData, fieldTags)
	if err != nil {
		return err
	}
	if !hasKey || !hasData {
		return errors.New("a required field is missing")
	}
	return nil
}

func decodeTag(message []byte) (tag Tag, err error) {
	var hasKey bool
	err = eachField(message, func(num protowire.Number, _ uint64, value []byte) error {
		switch num {
		case fieldTagKey:
			tag.Key, hasKey = string(value), true
		case fieldTagValue:
			tag.Value = string(value)
		}
		return nil
	}, fieldTagKey, fieldTagValue)
	if err == nil && !hasKey {
		err = errors.New("a tag has no key")
	}
	return tag, err
}

// maxKnownField is the largest field number of any of the messages; larger ones are skipped.
const maxKnownField = 4

// eachField visits the fields of a message in order, those of unknown numbers
// left out. The numbers listed are length-delimited, the rest are varints.
func eachField(message []byte, visit func(num protowire.Number, n uint64, value []byte) error, delimited ...protowire.Number) error {
	for len(message) > 0 {
		num, typ, n := protowire.ConsumeTag(message)
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		want := protowire.VarintType
		for _, d := range delimited {
			if d == num {
				want = protowire.BytesType
			}
		}
		if num > maxKnownField || typ != want {
			if n = protowire.ConsumeFieldValue(num, typ, message); n < 0 {
				return protowire.ParseError(n)
			}
			message = message[n:]
			continue
		}
		var number uint64
		var value []byte
		if typ == protowire.VarintType {
			number, n = protowire.ConsumeVarint(message)
		} else {
			value, n = protowire.ConsumeBytes(message)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		message = message[n:]
		if err := visit(num, number, value); err != nil {
			return err
		}
	}
	return nil
}
