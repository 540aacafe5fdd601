package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"sync"
	"time"
)

const mismatchText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// Secret is the key a signature is checked against.
type Secret struct {
	Key     string
	Token   string    // of temporary keys; empty for long-lived ones
	Expires time.Time // zero: never
}

// Rules say what a signature must hold for.
type Rules struct {
	Service string // the credential scope's
	RawPath bool   // S3: the path is signed as it was sent
	Now     time.Time
}

// Verifier checks signatures. It keeps derived signing keys and is safe for
// concurrent use.
type Verifier struct {
	skew time.Duration
	mu   sync.RWMutex
	keys map[Scope]*signingKey
}

// maxKeys bounds the kept signing keys; one is used per key, day, region and service.
const maxKeys = 4096

// NewVerifier makes a Verifier that tolerates clocks that differ by skew.
func NewVerifier(skew time.Duration) *Verifier {
	return &Verifier{skew: skew, keys: map[Scope]*signingKey{}}
}

// signingKey is a derived key with its reusable hashes: resetting a keyed hash
// costs a third of keying a new one.
type signingKey struct {
	secret string
	hashes sync.Pool
}

func newSigningKey(secret string, s *Scope) *signingKey {
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.Date, s.Region, s.Service, terminator} {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return &signingKey{secret: secret, hashes: sync.Pool{New: func() any { return hmac.New(sha256.New, key) }}}
}

// sign appends the hexadecimal HMAC of text.
func (k *signingKey) sign(dst, text []byte) []byte {
	h := k.hashes.Get().(hash.Hash)
	h.Reset()
	h.Write(text)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	k.hashes.Put(h)
	return hex.AppendEncode(dst, sum[:])
}

// key gives the signing key of a scope. A rotated secret replaces the kept one.
func (v *Verifier) key(secret string, s *Scope) *signingKey {
	v.mu.RLock()
	k := v.keys[*s]
	v.mu.RUnlock()
	if k != nil && subtle.ConstantTimeCompare([]byte(k.secret), []byte(secret)) == 1 {
		return k
	}
	k = newSigningKey(secret, s)
	v.mu.Lock()
	if len(v.keys) >= maxKeys {
		clear(v.keys)
	}
	v.keys[*s] = k
	v.mu.Unlock()
	return k
}

var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// Verify checks a signature over a request whose body hashes to payloadHash (the
// hexadecimal SHA-256, or one of the words that stand for it with S3). It fails
// with *Error. A nil result proves that the holder of secret sent this method,
// path, query, signed headers and payload hash, and did so now.
func (v *Verifier) Verify(r *http.Request, s *Signature, payloadHash string, secret Secret, rules Rules) error {
	if err := checkScope(&s.Scope, rules.Service); err != nil {
		return err
	}
	if err := v.checkTime(s, rules.Now); err != nil {
		return err
	}
	if err := checkSigned(r, s); err != nil {
		return err
	}
	if err := checkToken(s, secret, rules.Now); err != nil {
		return err
	}
	buf := scratch.Get().(*[]byte)
	defer scratch.Put(buf)
	b, err := appendCanonical((*buf)[:0], r, s, payloadHash, rules.RawPath)
	if err != nil {
		return refuse("SignatureDoesNotMatch", mismatchText)
	}
	sum := sha256.Sum256(b)
	b = appendStringToSign(b[:0], s, sum)
	mark := len(b)
	b = v.key(secret.Key, &s.Scope).sign(b, b)
	*buf = b
	if subtle.ConstantTimeCompare(b[mark:], []byte(s.Signature)) != 1 {
		return refuse("SignatureDoesNotMatch", mismatchText)
	}
	return nil
}

func appendStringToSign(dst []byte, s *Signature, sum [sha256.Size]byte) []byte {
	dst = append(append(dst, algorithm+"\n"...), s.Stamp...)
	dst = append(append(dst, '\n'), s.Date...)
	dst = append(append(dst, '/'), s.Region...)
	dst = append(append(dst, '/'), s.Service...)
	dst = append(dst, "/"+terminator+"\n"...)
	return hex.AppendEncode(dst, sum[:])
}

func checkScope(s *Scope, service string) error {
	if s.Region == "" {
		return refuse("SignatureDoesNotMatch", "Credential should be scoped to a valid region.")
	}
	if s.Service != service {
		return refuse("SignatureDoesNotMatch", "Credential should be scoped to correct service: '"+service+"'.")
	}
	return nil
}

// checkTime refuses signatures of another time: replays and forecasts.
func (v *Verifier) checkTime(s *Signature, now time.Time) error {
	stamp := func(t time.Time) string { return t.UTC().Format(timeLayout) }
	life, spelled := v.skew, "5 min."
	if s.Presigned && s.Expires > 0 {
		life, spelled = s.Expires, s.Expires.String()
	}
	latest, earliest := now.Add(v.skew), now.Add(-life)
	switch {
	case s.Time.After(latest):
		return untimely("Signature not yet current: " + s.Stamp + " is still later than " + stamp(latest) + " (" + stamp(now) + " + 5 min.)")
	case s.Time.Before(earliest):
		return untimely("Signature expired: " + s.Stamp + " is now earlier than " + stamp(earliest) + " (" + stamp(now) + " - " + spelled + ")")
	}
	return nil
}

func untimely(message string) error {
	return &Error{Code: "SignatureDoesNotMatch", Message: message, Untimely: true}
}

// checkSigned demands that the host and everything named X-Amz-… is signed: an
// unsigned target, token or date could be another's.
func checkSigned(r *http.Request, s *Signature) error {
	if !signs(s.SignedHeaders, "host") {
		return refuse("SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if !s.Presigned && !signs(s.SignedHeaders, "x-amz-date") && !signs(s.SignedHeaders, "date") {
		return refuse("SignatureDoesNotMatch", "'X-Amz-Date' or 'Date' must be a 'SignedHeader' in the AWS Authorization.")
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Amz-") && !signs(s.SignedHeaders, lower(name)) {
			return refuse("SignatureDoesNotMatch", "'"+name+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

// lower spells a header's key as SignedHeaders do.
func lower(key string) string {
	if low, ok := lowerNames[key]; ok {
		return low
	}
	return strings.ToLower(key)
}

// signs tells whether a list of signed headers holds a lower-case name.
func signs(list, name string) bool {
	for len(list) >= len(name) {
		i := strings.Index(list, name)
		if i < 0 {
			return false
		}
		end := i + len(name)
		if (i == 0 || list[i-1] == ';') && (end == len(list) || list[end] == ';') {
			return true
		}
		list = list[end:]
	}
	return false
}

// checkToken matches the session token with the key's, and the key with the time.
func checkToken(s *Signature, secret Secret, now time.Time) error {
	if len(s.Token) != len(secret.Token) || subtle.ConstantTimeCompare([]byte(s.Token), []byte(secret.Token)) != 1 {
		return refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if !secret.Expires.IsZero() && !now.Before(secret.Expires) {
		return refuse("ExpiredToken", "The security token included in the request is expired")
	}
	return nil
}

// HashPayload is the hexadecimal SHA-256 of a body.
func HashPayload(body []byte) string {
	if len(body) == 0 {
		return emptyHash
	}
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
