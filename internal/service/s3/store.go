package s3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/plant"
)

// formatV1 is the first byte of every value of this room.
const formatV1 = 1

// bucketRecord is a bucket as the store keeps it.
type bucketRecord struct {
	Name    string
	Owner   string
	Region  string
	Created int64 // milliseconds since the epoch
	// Config holds what was put under a subresource, as it was put: "policy", "cors", …
	Config map[string]string

	rules []lifecycleRule // of Config["lifecycle"], those in force
}

// blob is a run of bytes that an object or a part is made of.
type blob struct {
	ID     string // 32 hexadecimal digits
	Size   int64
	Inline bool // in kv, not in a file
}

// objectRecord is an object, or what will become one.
type objectRecord struct {
	Size     int64
	ETag     string // without quotes
	Modified int64  // milliseconds since the epoch
	Blobs    []blob
	Parts    []int64           // sizes of the parts of a multipart upload
	PartSums []string          // their checksums, by Checksum.Algorithm
	Headers  map[string]string // Content-Type and the like, as they are answered
	Meta     map[string]string // x-amz-meta-, lower case
	Tags     map[string]string
	Checksum checksum
	SSE      map[string]string // x-amz-server-side-encryption…, kept and answered
	Class    string            // storage class, "" is STANDARD
	Upload   string            // id of the multipart upload that made it
}

// checksum is an object's or part's checksum beside its MD5.
type checksum struct {
	Algorithm string // CRC32, …; "" is none
	Value     string // base64, with -N behind it for composites
	Type      string // FULL_OBJECT or COMPOSITE
}

// uploadRecord is a multipart upload.
type uploadRecord struct {
	ID        string
	Bucket    string
	Key       string
	Initiated int64
	Owner     string
	Object    objectRecord // what the finished object takes over
	Algorithm string
	Type      string
	Implicit  bool // the client named no algorithm: parts may come with any
}

// partRecord is one part of an upload.
type partRecord struct {
	Number   int
	Blob     blob
	MD5      []byte
	Modified int64
	Checksum checksum // by the upload's algorithm
	Claimed  checksum // by the one the client chose for the part, if it is another
}

func keyBucket(b string) []byte        { return kv.Key(kv.SpaceS3, "b", b) }
func keyObject(b, k string) []byte     { return kv.Key(kv.SpaceS3, "o", b, k) }
func keyUpload(b, k, id string) []byte { return kv.Key(kv.SpaceS3, "u", b, k, id) }
func keyPart(id string, n int) []byte  { return kv.Key(kv.SpaceS3, "p", id, n) }
func keyRefs(id string) []byte         { return kv.Key(kv.SpaceS3, "f", id) }
func keyInline(id string) []byte       { return kv.Key(kv.SpaceS3, "i", id) }
func keyEvent(seq uint64) []byte       { return kv.Key(kv.SpaceS3, "e", seq) }
func prefixObjects(b string) []byte    { return kv.Key(kv.SpaceS3, "o", b) }
func prefixUploads(b string) []byte    { return kv.Key(kv.SpaceS3, "u", b) }
func prefixParts(id string) []byte     { return kv.Key(kv.SpaceS3, "p", id) }

func put(tx kv.Txn, key []byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return tx.Set(key, append([]byte{formatV1}, b...))
}

func decode(b []byte, v any) error {
	if len(b) == 0 || b[0] != formatV1 {
		return fmt.Errorf("s3: record of unknown format: %w", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(b[1:], v); err != nil {
		return fmt.Errorf("s3: malformed record: %w: %w", kv.ErrCorrupt, err)
	}
	return nil
}

// get reads a record; false if there is none.
func get(r kv.Reader, key []byte, v any) (bool, error) {
	b, ok, err := r.Get(key)
	if err != nil || !ok {
		return false, err
	}
	return true, decode(b, v)
}

// lastString decodes the last element of a key behind a prefix.
func lastString(key, prefix []byte) (string, error) {
	d := kv.DecodeKey(key, len(prefix))
	s := d.String()
	if d.Err() != nil {
		return "", fmt.Errorf("s3: malformed key: %w", kv.ErrCorrupt)
	}
	return s, nil
}

// update commits fn, whatever becomes of the caller's context.
func (s *Service) update(ctx context.Context, fn func(kv.Txn) error) error {
	return s.store.Update(context.WithoutCancel(ctx), fn)
}

// use counts one more use of blobs.
func use(tx kv.Txn, blobs []blob) error {
	for _, b := range blobs {
		n, err := refs(tx, b.ID)
		if err != nil {
			return err
		}
		if err := tx.Set(keyRefs(b.ID), binary.BigEndian.AppendUint64([]byte{formatV1}, n+1)); err != nil {
			return err
		}
	}
	return nil
}

func refs(r kv.Reader, id string) (uint64, error) {
	b, ok, err := r.Get(keyRefs(id))
	if err != nil || !ok {
		return 0, err
	}
	if len(b) != 9 || b[0] != formatV1 {
		return 0, fmt.Errorf("s3: malformed count of blob %s: %w", id, kv.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

// release counts one use of blobs less, and gives those with files that nobody
// uses any more: they are to be unlinked once the transaction is durable.
func release(tx kv.Txn, blobs []blob) (gone []blob, err error) {
	for _, b := range blobs {
		n, err := refs(tx, b.ID)
		if err != nil {
			return nil, err
		}
		if n > 1 && !plant.Has(plant.SharedBodyRemoved) {
			if err := tx.Set(keyRefs(b.ID), binary.BigEndian.AppendUint64([]byte{formatV1}, n-1)); err != nil {
				return nil, err
			}
			continue
		}
		if err := tx.Delete(keyRefs(b.ID)); err != nil {
			return nil, err
		}
		if b.Inline {
			if err := tx.Delete(keyInline(b.ID)); err != nil {
				return nil, err
			}
			continue
		}
		gone = append(gone, b)
	}
	return gone, nil
}

func stamp(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func httpDate(ms int64) string {
	return time.UnixMilli(ms).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
}
