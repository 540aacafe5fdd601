package sigv4

import (
	"net/http"
	"time"
)

// Secret is the key a signature is checked against.
type Secret struct {
	Key     string
	Token   string // of temporary keys
	Expires time.Time
}

// Verifier checks signatures; it caches derived signing keys and is safe for
// concurrent use.
type Verifier struct {
	skew time.Duration
}

// NewVerifier makes a Verifier that tolerates clocks that differ by skew.
func NewVerifier(skew time.Duration) *Verifier { return &Verifier{skew: skew} }

// Verify is replaced in the next file.
func (v *Verifier) Verify(r *http.Request, body []byte, secret Secret, service string, now time.Time) error {
	return nil
}

// Parse reads the signature.
func Parse(r *http.Request) (*Signature, error) { return nil, ErrUnsigned }
