package kinesis

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/shardlog"
)

// Tokens (shard iterators, pagination tokens) are base64 of
//
//	┌──────┬────────────┬──────────────────────────────┬──────────────────┐
//	│ kind │ made, ms   │ fields: uvarints and texts   │ HMAC-SHA256, cut │
//	│ 1    │ 8          │ with their lengths before    │ to 16 bytes      │
//	└──────┴────────────┴──────────────────────────────┴──────────────────┘
//
// The signature is made with a key that is kept in the store. So they need no memory of
// ours, survive restarts, and cannot be made up to read another account's stream.

const (
	tokenIterator  = 'i'
	tokenShards    = 's'
	tokenStreams   = 'l'
	tokenConsumers = 'c'
)

// tokenLife is how long a token may be used.
const tokenLife = 5 * time.Minute

const sealBytes = 16

var errToken = errors.New("not a token of ours")

// sealer signs tokens and checks their signatures.
type sealer struct{ key []byte }

func (s *sealer) init(stored []byte) error {
	if len(stored) != 33 || stored[0] != valueVersion {
		return fmt.Errorf("%w: kinesis token key", kv.ErrCorrupt)
	}
	s.key = stored[1:]
	return nil
}

func (s *sealer) sign(b []byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write(b)
	return m.Sum(nil)[:sealBytes]
}

// token is one being written or read.
type token struct {
	kind byte
	made time.Time
	b    []byte
	bad  bool
}

func newToken(kind byte, made time.Time) *token {
	return &token{kind: kind, made: made, b: binary.BigEndian.AppendUint64([]byte{kind}, uint64(made.UnixMilli()))}
}

func (t *token) text(s string) *token {
	t.b = append(binary.AppendUvarint(t.b, uint64(len(s))), s...)
	return t
}

func (t *token) number(n uint64) *token {
	t.b = binary.AppendUvarint(t.b, n)
	return t
}

func (s *sealer) seal(t *token) *string {
	return ptr(base64.StdEncoding.EncodeToString(append(t.b, s.sign(t.b)...)))
}

// open checks a token's signature and kind.
func (s *sealer) open(kind byte, text string) (*token, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < 9+sealBytes {
		return nil, errToken
	}
	body, sig := b[:len(b)-sealBytes], b[len(b)-sealBytes:]
	if !hmac.Equal(sig, s.sign(body)) || body[0] != kind {
		return nil, errToken
	}
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(body[1:]))).UTC()
	return &token{kind: kind, made: made, b: body[9:]}, nil
}

func (t *token) readNumber() uint64 {
	n, w := binary.Uvarint(t.b)
	if w <= 0 {
		t.bad, t.b = true, nil
		return 0
	}
	t.b = t.b[w:]
	return n
}

func (t *token) readText() string {
	n := t.readNumber()
	if n > uint64(len(t.b)) {
		t.bad, t.b = true, nil
		return ""
	}
	s := string(t.b[:n])
	t.b = t.b[n:]
	return s
}

// end tells whether the token held what was read from it, and no more.
func (t *token) end() error {
	if t.bad || len(t.b) > 0 {
		return errToken
	}
	return nil
}

// expired tells whether the token is too old at now.
func (t *token) expired(now time.Time) bool { return now.Sub(t.made) > tokenLife }

// iterator is a place in a shard, as a shard iterator carries it.
type iterator struct {
	made  time.Time
	at    ref
	log   shardlog.StreamID
	shard uint32
	seq   shardlog.Seq
}

func (s *Service) sealIterator(it iterator) *string {
	t := newToken(tokenIterator, s.clock.Now())
	t.text(it.at.account).text(it.at.region).text(it.at.name)
	t.number(uint64(it.log)).number(uint64(it.shard)).number(uint64(it.seq))
	return s.tokens.seal(t)
}

func (s *Service) openIterator(text string) (iterator, error) {
	t, err := s.tokens.open(tokenIterator, text)
	if err != nil {
		return iterator{}, invalidArgument("Invalid ShardIterator.")
	}
	it := iterator{made: t.made}
	it.at = ref{account: t.readText(), region: t.readText(), name: t.readText()}
	it.log = shardlog.StreamID(t.readNumber())
	it.shard = uint32(t.readNumber())
	it.seq = shardlog.Seq(t.readNumber())
	if t.end() != nil {
		return iterator{}, invalidArgument("Invalid ShardIterator.")
	}
	return it, nil
}

// StreamOf tells whose records a shard iterator reads; ok is false for what is no iterator of ours.
func (s *Service) StreamOf(iterator string) (account, region, name string, ok bool) {
	it, err := s.openIterator(iterator)
	return it.at.account, it.at.region, it.at.name, err == nil
}
