package s3

import (
	"crypto/md5"  //nolint:gosec // ETags are MD5 by definition
	"crypto/sha1" //nolint:gosec // a checksum that clients may choose
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"net/http"
	"strings"
	"sync"

	"github.com/minio/crc64nvme" // 20 times as fast as hash/crc64 with the polynomial's table
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// algorithms makes the checksums that clients may choose, by their API names.
var algorithms = map[string]func() hash.Hash{
	"CRC32":     func() hash.Hash { return crc32.NewIEEE() },
	"CRC32C":    func() hash.Hash { return crc32.New(castagnoli) },
	"CRC64NVME": func() hash.Hash { return crc64nvme.New() },
	"SHA1":      sha1.New,
	"SHA256":    sha256.New,
	"SHA512":    sha512.New,
	"MD5":       md5.New,
}

// crcs are the checksums that can be had of a whole from its parts: their
// width in bits and polynomial.
var crcs = map[string]struct {
	bits uint
	poly uint64
}{
	"CRC32":     {32, crc32.IEEE},
	"CRC32C":    {32, crc32.Castagnoli},
	"CRC64NVME": {64, 0x9a6c9329ac4bc9b5},
}

const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
	// defaultAlgorithm is computed where a client names none, as AWS does.
	defaultAlgorithm = "CRC64NVME"
)

func checksumHeader(algorithm string) string { return "x-amz-checksum-" + strings.ToLower(algorithm) }

// claim is what a client says about a body.
type claim struct {
	algorithm string
	value     string // "" when it is to come in a trailer, or was not said
	trailer   string // name of the trailer that brings it
	md5       []byte // of Content-MD5
}

// claimOf reads the checksum headers of an upload.
func claimOf(h http.Header) (c claim, err error) {
	for name := range h {
		algorithm, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-checksum-")
		if !ok || algorithm == "algorithm" || algorithm == "type" || algorithm == "mode" {
			continue
		}
		if c.algorithm != "" {
			return c, errInvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		c.algorithm, c.value = strings.ToUpper(algorithm), h.Get(name)
	}
	for trailer := range strings.SplitSeq(h.Get("X-Amz-Trailer"), ",") {
		trailer = strings.ToLower(strings.TrimSpace(trailer))
		if algorithm, ok := strings.CutPrefix(trailer, "x-amz-checksum-"); ok {
			if c.algorithm != "" {
				return c, errInvalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
			}
			c.algorithm, c.trailer = strings.ToUpper(algorithm), trailer
		}
	}
	if c.algorithm == "" {
		c.algorithm = strings.ToUpper(h.Get("x-amz-sdk-checksum-algorithm"))
	}
	if c.algorithm != "" && algorithms[c.algorithm] == nil {
		return c, errInvalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5]")
	}
	if c.value != "" && !validChecksum(c.algorithm, c.value) {
		return c, errInvalidRequest("Value for %s header is invalid.", checksumHeader(c.algorithm))
	}
	if m := h.Get("Content-MD5"); m != "" {
		if c.md5, err = base64.StdEncoding.DecodeString(m); err != nil || len(c.md5) != md5.Size {
			return c, errCode(http.StatusBadRequest, "InvalidDigest", "The Content-MD5 you specified was invalid.")
		}
	}
	return c, nil
}

func validChecksum(algorithm, value string) bool {
	b, err := base64.StdEncoding.DecodeString(value)
	return err == nil && len(b) == algorithms[algorithm]().Size()
}

// digest computes what a body has to match.
type digest struct {
	claim
	md5  hash.Hash
	sum  hash.Hash
	name string
	// second is a checksum that no client asked for, and is kept.
	second     hash.Hash
	secondName string
}

// newDigest prepares for a claim; algorithm is used where it names none.
func newDigest(c claim, algorithm string) *digest {
	d := &digest{claim: c, md5: md5.New(), name: c.algorithm} //nolint:gosec // see the import
	if d.name == "" {
		d.name = algorithm
	}
	d.sum = algorithms[d.name]()
	return d
}

// parallelBytes is the least run of bytes that is worth a goroutine of its own.
const parallelBytes = 64 << 10

// Write takes MD5, which is the slowest, beside the other checksums.
func (d *digest) Write(p []byte) (int, error) {
	if len(p) < parallelBytes {
		_, _ = d.md5.Write(p) // hashes never fail
		return d.sums(p)
	}
	var beside sync.WaitGroup
	beside.Go(func() { _, _ = d.md5.Write(p) })
	n, err := d.sums(p)
	beside.Wait()
	return n, err
}

func (d *digest) sums(p []byte) (int, error) {
	if d.second != nil {
		_, _ = d.second.Write(p) // hashes never fail
	}
	return d.sum.Write(p)
}

// also computes a second checksum, unless it is the first.
func (d *digest) also(algorithm string) {
	if algorithm != d.name {
		d.second, d.secondName = algorithms[algorithm](), algorithm
	}
}

// part is the record of a part that was received.
func (d *digest) part(n int, w *written, now int64) partRecord {
	p := partRecord{Number: n, Blob: w.blob, MD5: d.md5.Sum(nil), Modified: now, Checksum: checksum{d.name, d.checksum(), ""}}
	if d.second != nil {
		p.Claimed = p.Checksum
		p.Checksum = checksum{d.secondName, base64.StdEncoding.EncodeToString(d.second.Sum(nil)), ""}
	}
	return p
}

// check compares with the claim once the body, and its trailer, are read.
func (d *digest) check(trailer http.Header) error {
	if d.claim.md5 != nil && string(d.claim.md5) != string(d.md5.Sum(nil)) {
		return errCode(http.StatusBadRequest, "BadDigest", "The Content-MD5 you specified did not match what we received.")
	}
	want := d.value
	if d.trailer != "" {
		if want = trailer.Get(d.trailer); want == "" {
			return errCode(http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
		if !validChecksum(d.name, want) {
			return errInvalidRequest("Value for %s trailing header is invalid.", d.trailer)
		}
	}
	if want != "" && want != d.checksum() {
		return errCode(http.StatusBadRequest, "BadDigest", fmt.Sprintf("The %s you specified did not match the calculated checksum.", d.name))
	}
	return nil
}

func (d *digest) checksum() string { return base64.StdEncoding.EncodeToString(d.sum.Sum(nil)) }

func (d *digest) etag() string { return hex.EncodeToString(d.md5.Sum(nil)) }

// joinETag is the ETag of a multipart object: the MD5 of its parts' MD5s.
func joinETag(parts []partRecord) string {
	h := md5.New() //nolint:gosec // see the import
	for _, p := range parts {
		_, _ = h.Write(p.MD5) // hashes never fail
	}
	return fmt.Sprintf("%s-%d", hex.EncodeToString(h.Sum(nil)), len(parts))
}

// joinChecksum is a multipart object's checksum, from those of its parts.
func joinChecksum(algorithm, kind string, parts []partRecord) (checksum, error) {
	if algorithm == "" {
		return checksum{}, nil
	}
	out := checksum{Algorithm: algorithm, Type: kind}
	if kind == composite {
		h := algorithms[algorithm]()
		for _, p := range parts {
			b, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
			if err != nil {
				return out, err
			}
			_, _ = h.Write(b) // hashes never fail
		}
		out.Value = fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts))
		return out, nil
	}
	c := crcs[algorithm]
	var crc uint64
	for i, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
		if err != nil {
			return out, err
		}
		var part uint64
		for _, x := range b {
			part = part<<8 | uint64(x)
		}
		if i == 0 {
			crc = part
		} else {
			crc = combineCRC(c.bits, c.poly, crc, part, p.Blob.Size)
		}
	}
	b := make([]byte, c.bits/8)
	for i := range b {
		b[i] = byte(crc >> (c.bits - 8 - uint(i)*8))
	}
	out.Value = base64.StdEncoding.EncodeToString(b)
	return out, nil
}

// combineCRC gives the CRC of a text from those of its two halves and the
// length of the second. Appending a zero byte to a text is a linear map of its
// CRC; the map for n bytes is had by squaring.
func combineCRC(bits uint, poly, first, second uint64, n int64) uint64 {
	step := make([]uint64, bits) // the map of one zero bit, as columns
	step[0] = poly
	for i := uint(1); i < bits; i++ {
		step[i] = 1 << (i - 1)
	}
	for range 3 { // one, two, four bits: eight bits after the third squaring
		step = squareMap(step)
	}
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			first = applyMap(step, first)
		}
		step = squareMap(step)
	}
	return first ^ second
}

func applyMap(m []uint64, v uint64) (out uint64) {
	for i := 0; v != 0; i, v = i+1, v>>1 {
		if v&1 == 1 {
			out ^= m[i]
		}
	}
	return out
}

func squareMap(m []uint64) []uint64 {
	out := make([]uint64, len(m))
	for i := range m {
		out[i] = applyMap(m, m[i])
	}
	return out
}
