package wire

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"time"

	"github.com/leatdev/leat/internal/wire/plain"
)

// extendedID is the second id that AWS's storage-minded services send.
func (x *exchange) extendedID() string {
	var b [57]byte
	for i := 0; i < len(b); i += 8 {
		r := rand.Uint64()
		for j := i; j < min(i+8, len(b)); j++ {
			b[j] = byte(r)
			r >>= 8
		}
	}
	var text [76]byte
	base64.StdEncoding.Encode(text[:], b[:])
	return string(text[:])
}

// Serve accepts connections until Shutdown or Close, on which it returns nil. It
// speaks HTTP/1.1 and cleartext HTTP/2 with prior knowledge. Plain calls, which end in
// one whole reply, are served without net/http.
func (s *Server) Serve(ln net.Listener) error {
	return s.serve(ln, nil)
}

// ServeTLS is Serve over TLS, with HTTP/2 by negotiation.
func (s *Server) ServeTLS(ln net.Listener, config *tls.Config) error {
	return s.serve(ln, config)
}

func (s *Server) serve(ln net.Listener, config *tls.Config) error {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(config != nil)
	protocols.SetUnencryptedHTTP2(config == nil)
	hs := &http.Server{
		Handler: s, Protocols: &protocols, TLSConfig: config,
		MaxHeaderBytes: MaxHeaderBytes, ReadHeaderTimeout: HeaderTimeout, IdleTimeout: IdleTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		// A SubscribeToShard client multiplexes one stream per shard.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000, MaxReceiveBufferPerStream: 1 << 20, MaxReceiveBufferPerConnection: 4 << 20},
	}
	s.serving.Lock()
	if s.drain.Err() != nil {
		s.serving.Unlock()
		return ln.Close()
	}
	var front frontDoor = hs
	serve := func() error { return hs.ServeTLS(ln, "", "") }
	if config == nil {
		p := plain.New(hs, s.claim)
		front, serve = p, func() error { return p.Serve(ln) }
	}
	s.fronts = append(s.fronts, front)
	s.serving.Unlock()
	err := serve()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// selfSignedLife is how long a certificate made by SelfSigned holds.
const selfSignedLife = 365 * 24 * time.Hour

// SelfSigned makes a certificate for localhost and the given host names and
// addresses, valid for a year from now, and its PEM form for clients to trust.
func SelfSigned(now time.Time, hosts ...string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("wire: certificate key: %w", err)
	}
	serial, err := crand.Int(crand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("wire: certificate serial: %w", err)
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Leat"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		// Clients trust it by being given it, as their own authority.
		IsCA: true, BasicConstraintsValid: true,
	}
	for _, h := range append([]string{"localhost", "*.localhost", "127.0.0.1", "::1"}, hosts...) {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(crand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, fmt.Errorf("wire: certificate: %w", err)
	}
	trust := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust, nil
}
