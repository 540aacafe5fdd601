// Package dynamodb is tables: items, expressions, indexes, transactions, time
// to live, and change streams whose records commit with the write that caused
// them.
//
// # Layout
//
// Two spaces of the store belong to this room. The catalogue (0x20):
//
//	"t" account region name            table: epoch, definition (JSON)
//	"n"                                the last table number given, uint64
//	"c" table index                    item count and size
//	"z" table Raw(partition)           size of an item collection (tables with LSIs)
//	"b" table index                    where the backfill of an index stands
//	"s" account region name label      change stream: definition (JSON)
//	"x" account region operation token client token of a transaction
//	"y" expiry Raw(key of the token)   the same, by when it may be forgotten
//	"k" table destination              how far a Kinesis destination has been fed
//
// and items (0x21), where index 0 is the table itself and every other number
// belongs to one index for ever:
//
//	table index Raw(hash partition sort)              base table
//	table index Raw(hash partition sort base-key)     secondary index
//	table index Raw(expiry base-key)                  time to live
//
//	hash       8 bytes, xxhash of the partition: spreads partitions, and lets
//	           parallel scans and change stream shards own intervals of it
//	partition  its length, then the key values one after the other
//	sort       the key values in order-preserving form; each ends itself
//
// A value is a version byte, the item's size as AWS computes it, and the item's
// stored form. An index holds a copy of what it projects, as on AWS.
//
// # One write, one commit
//
// Whatever a write changes (item, every index, counters, collection size, TTL
// entry, change record, the outbox of a Kinesis destination) is written by
// apply in one kv.Update. Reads run on one snapshot. So single items are
// linearizable, transactions serializable, and a crash leaves table, indexes
// and stream in agreement; Check verifies that.
package dynamodb
