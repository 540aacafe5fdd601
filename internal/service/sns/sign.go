package sns

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // version 1 of the signature is SHA-1 by definition
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// signingBits is the size of the key that signs messages.
const signingBits = 2048

// certLife is how long the certificate is valid: it is made once.
const certLife = 100 * 365 * 24 * time.Hour

// signer holds the key, which is made, or read, when the first message is signed.
type signer struct {
	mu   sync.Mutex
	key  *rsa.PrivateKey
	cert []byte // PEM
	name string // of the certificate's file
	// seats bounds the signatures made at a time, so that deliveries leave
	// processors to those who publish.
	seats chan struct{}
	last  [2]signed // the latest signatures: all subscribers of a message share one
}

type signed struct{ id, text, signature string }

// storedKey is what the store keeps.
type storedKey struct {
	Key, Cert []byte // DER
}

// load reads the key, or makes one and keeps it.
func (s *Service) signingKey(ctx context.Context) (*rsa.PrivateKey, error) {
	g := &s.signer
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.key != nil {
		return g.key, nil
	}
	fresh, err := s.newKey()
	if err != nil {
		return nil, err
	}
	var stored storedKey
	err = s.update(ctx, func(tx kv.Txn) error {
		b, ok, err := tx.Get(keySigning())
		if err != nil {
			return err
		}
		if ok {
			return decodeJSON(b, &stored)
		}
		stored = fresh
		return putJSON(tx, keySigning(), stored)
	})
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(stored.Key)
	if err != nil {
		return nil, fmt.Errorf("sns: the signing key: %w: %w", kv.ErrCorrupt, err)
	}
	sum := sha256.Sum256(stored.Cert)
	g.cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: stored.Cert})
	g.name = "SimpleNotificationService-" + hex.EncodeToString(sum[:16]) + ".pem"
	g.seats = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	g.key = key
	return key, nil
}

// newKey makes a key and a certificate that it signs itself; unless the store
// has one already, when it is not needed.
func (s *Service) newKey() (storedKey, error) {
	var have bool
	err := s.store.View(context.Background(), func(r kv.Reader) (err error) {
		_, have, err = r.Get(keySigning())
		return err
	})
	if err != nil || have {
		return storedKey{}, err
	}
	key, err := rsa.GenerateKey(rand.Reader, signingBits)
	if err != nil {
		return storedKey{}, err
	}
	now := s.clock.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "sns.amazonaws.com"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife), KeyUsage: x509.KeyUsageDigitalSignature,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return storedKey{Key: x509.MarshalPKCS1PrivateKey(key), Cert: cert}, err
}

// certificate gives the name and the PEM text of the signing certificate.
func (s *Service) certificate(ctx context.Context) (name string, text []byte, err error) {
	if _, err := s.signingKey(ctx); err != nil {
		return "", nil, err
	}
	return s.signer.name, s.signer.cert, nil
}

// certURL is where we serve the certificate. The key exists by then.
func (s *Service) certURL() string { return s.opts.Endpoint + "/" + s.signer.name }

// stringToSign is what a message's signature covers.
func (s *Service) stringToSign(m *message, protocol string) string {
	var b strings.Builder
	line := func(name, value string) {
		b.WriteString(name)
		b.WriteByte('\n')
		b.WriteString(value)
		b.WriteByte('\n')
	}
	line("Message", m.bodyOf(protocol))
	line("MessageId", m.ID)
	if m.Type == typeConfirmation {
		line("SubscribeURL", s.subscribeURL(m))
	} else if m.Subject != "" {
		line("Subject", m.Subject)
	}
	line("Timestamp", timestamp(m.Time))
	if m.Type == typeConfirmation {
		line("Token", m.Token)
	}
	line("TopicArn", m.Topic)
	line("Type", m.Type)
	return b.String()
}

// sign is the signature of a message as subscribers of a protocol see it:
// version 1 over SHA-1, version 2 over SHA-256.
func (s *Service) sign(ctx context.Context, m *message, protocol string) (string, error) {
	key, err := s.signingKey(ctx)
	if err != nil {
		return "", err
	}
	text := s.stringToSign(m, protocol)
	g := &s.signer
	g.mu.Lock()
	for _, l := range g.last {
		if l.id == m.ID && l.text == text {
			g.mu.Unlock()
			return l.signature, nil
		}
	}
	g.mu.Unlock()
	select {
	case g.seats <- struct{}{}:
		defer func() { <-g.seats }()
	case <-ctx.Done():
		return "", ctx.Err()
	}
	var raw []byte
	if m.Signature == "2" {
		sum := sha256.Sum256([]byte(text))
		raw, err = rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	} else {
		sum := sha1.Sum([]byte(text)) //nolint:gosec // see the import
		raw, err = rsa.SignPKCS1v15(nil, key, crypto.SHA1, sum[:])
	}
	if err != nil {
		return "", err
	}
	out := base64.StdEncoding.EncodeToString(raw)
	g.mu.Lock()
	g.last[0], g.last[1] = signed{m.ID, text, out}, g.last[0]
	g.mu.Unlock()
	return out, nil
}
