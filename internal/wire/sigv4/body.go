package sigv4

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The words that stand for a payload's hash with S3.
const (
	UnsignedPayload              = "UNSIGNED-PAYLOAD"
	StreamingSigned              = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	StreamingSignedTrailer       = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	StreamingUnsignedTrail       = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	chunkAlgorithm               = "AWS4-HMAC-SHA256-PAYLOAD"
	trailerAlgorithm             = "AWS4-HMAC-SHA256-TRAILER"
	contentHashHeader            = "X-Amz-Content-Sha256"
	decodedLengthHeader          = "X-Amz-Decoded-Content-Length"
	trailerSignature             = "x-amz-trailer-signature"
	maxChunkLine                 = 4 << 10
	maxTrailers                  = 32
	maxChunkSize           int64 = 1 << 40
)

// Body is a request's payload as it is read: decoded, and verified on the way.
// Nothing that was read may be used before Read has returned io.EOF: a payload
// that does not match its signature fails at its end, with *Error.
type Body struct {
	src     io.Reader
	trailer http.Header
	chunks  *chunkReader
	hash    hash.Hash // of payloads signed as a whole
	want    string
	limit   int64 // the announced decoded length, -1 if there is none
	n       int64
	err     error
}

// Trailer gives the headers that followed the chunks; it is complete once Read
// has returned io.EOF.
func (b *Body) Trailer() http.Header { return b.trailer }

// PayloadHash is the word or hash that a request with a streamed body is signed
// with.
func PayloadHash(r *http.Request, presigned bool) string {
	if h := r.Header.Get(contentHashHeader); h != "" {
		return h
	}
	if presigned {
		return UnsignedPayload
	}
	return emptyHash
}

// OpenBody reads the payload of a request for S3. With sig and secret nil the
// encoding is undone and lengths are checked, but nothing is verified.
func (v *Verifier) OpenBody(r *http.Request, sig *Signature, secret *Secret) (*Body, error) {
	word := PayloadHash(r, sig == nil || sig.Presigned)
	b := &Body{src: r.Body, trailer: http.Header{}, limit: -1}
	if text := r.Header.Get(decodedLengthHeader); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return nil, refuse("InvalidArgument", "x-amz-decoded-content-length must be a number")
		}
		b.limit = n
	}
	switch word {
	case UnsignedPayload:
		return b, nil
	case StreamingSigned, StreamingSignedTrailer, StreamingUnsignedTrail:
		c := &chunkReader{src: bufio.NewReaderSize(r.Body, 64<<10), trailer: b.trailer, signed: word != StreamingUnsignedTrail, trailers: word != StreamingSigned}
		if sig != nil && secret != nil && c.signed {
			c.sig, c.key, c.last, c.sum = sig, v.key(secret.Key, &sig.Scope), sig.Signature, sha256.New()
		}
		b.chunks, b.src = c, c
		return b, nil
	}
	if strings.HasPrefix(word, "STREAMING-") {
		return nil, refuse("NotImplemented", "The payload option "+word+" is not supported.")
	}
	if sig != nil && secret != nil {
		b.hash, b.want = sha256.New(), word
	}
	return b, nil
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.src.Read(p)
	b.n += int64(n)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if b.limit >= 0 && b.n > b.limit {
		err = refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
		n = 0
	}
	if errors.Is(err, io.EOF) {
		err = b.finish()
	}
	b.err = err
	return n, err
}

func (b *Body) finish() error {
	if b.limit >= 0 && b.n != b.limit {
		return refuse("IncompleteBody", "You did not provide the number of bytes specified by the Content-Length HTTP header")
	}
	if b.hash != nil && subtle.ConstantTimeCompare([]byte(hex.EncodeToString(b.hash.Sum(nil))), []byte(b.want)) != 1 {
		return refuse("XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.")
	}
	return io.EOF
}

// chunkReader undoes aws-chunked:
//
//	SIZE;chunk-signature=HEX\r\n DATA \r\n … 0;chunk-signature=HEX\r\n name:value\r\n x-amz-trailer-signature:HEX\r\n \r\n
//
// Each chunk's signature covers the one before it, so chunks can be neither
// changed, dropped, repeated nor reordered.
type chunkReader struct {
	src      *bufio.Reader
	trailer  http.Header
	signed   bool // chunks carry signatures
	trailers bool
	sig      *Signature // nil: do not verify
	key      *signingKey
	last     string // the signature before
	sum      hash.Hash

	left    int64  // of the current chunk
	current string // its signature
	open    bool
}

func malformedChunk() error {
	return refuse("InvalidChunk", "The chunked encoding of the request body is malformed.")
}

// Read implements io.Reader.
func (c *chunkReader) Read(p []byte) (int, error) {
	for c.left == 0 {
		if c.open {
			if err := c.closeChunk(); err != nil {
				return 0, err
			}
		}
		if err := c.openChunk(); err != nil {
			return 0, err
		}
		if c.left == 0 {
			return 0, c.end()
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.src.Read(p)
	c.left -= int64(n)
	if c.sum != nil {
		c.sum.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		err = malformedChunk()
	}
	return n, err
}

// line reads up to CRLF within maxChunkLine.
func (c *chunkReader) line() (string, error) {
	var b []byte
	for len(b) <= maxChunkLine {
		ch, err := c.src.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = malformedChunk()
			}
			return "", err
		}
		if ch == '\n' {
			return strings.TrimSuffix(string(b), "\r"), nil
		}
		b = append(b, ch)
	}
	return "", malformedChunk()
}

func (c *chunkReader) openChunk() error {
	head, err := c.line()
	if err != nil {
		return err
	}
	size, ext, _ := strings.Cut(head, ";")
	n, err := strconv.ParseInt(size, 16, 64)
	if err != nil || n < 0 || n > maxChunkSize || strings.HasPrefix(size, "+") {
		return malformedChunk()
	}
	c.current = strings.TrimPrefix(ext, "chunk-signature=")
	if c.signed && !isSignature(c.current) {
		return malformedChunk()
	}
	c.left, c.open = n, true
	return nil
}

func (c *chunkReader) closeChunk() error {
	end, err := c.line()
	if err != nil {
		return err
	}
	if end != "" {
		return malformedChunk()
	}
	return c.verifyChunk()
}

func (c *chunkReader) verifyChunk() error {
	c.open = false
	if c.sig == nil {
		return nil
	}
	sum := hex.EncodeToString(c.sum.Sum(nil))
	c.sum.Reset()
	return c.verify(chunkAlgorithm, emptyHash+"\n"+sum, c.current)
}

func (c *chunkReader) verify(algorithm, tail, got string) error {
	text := algorithm + "\n" + c.sig.Stamp + "\n" + c.sig.text() + "\n" + c.last + "\n" + tail
	want := c.key.sign(nil, []byte(text))
	if subtle.ConstantTimeCompare(want, []byte(got)) != 1 {
		return refuse("SignatureDoesNotMatch", mismatchText)
	}
	c.last = got
	return nil
}

// end verifies the last, empty chunk and reads the trailers.
func (c *chunkReader) end() error {
	if err := c.verifyChunk(); err != nil {
		return err
	}
	var signed strings.Builder
	proof := ""
	for range maxTrailers {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			return c.finishTrailers(signed.String(), proof)
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !c.trailers || proof != "" {
			return malformedChunk()
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == trailerSignature {
			proof = value
			continue
		}
		c.trailer.Add(name, value)
		signed.WriteString(name + ":" + value + "\n")
	}
	return malformedChunk()
}

func (c *chunkReader) finishTrailers(text, proof string) error {
	if c.sig != nil && c.trailers {
		sum := sha256.Sum256([]byte(text))
		if err := c.verify(trailerAlgorithm, hex.EncodeToString(sum[:]), proof); err != nil {
			return err
		}
	}
	if _, err := c.src.ReadByte(); !errors.Is(err, io.EOF) {
		return malformedChunk()
	}
	return io.EOF
}
