package wire

import (
	"crypto/tls"
	"encoding/base64"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
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
	return base64.StdEncoding.EncodeToString(b[:])
}

// Serve accepts connections until Shutdown or Close, on which it returns nil. It
// speaks HTTP/1.1 and cleartext HTTP/2 with prior knowledge.
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
	if s.draining.Load() {
		s.serving.Unlock()
		return http.ErrServerClosed
	}
	s.servers = append(s.servers, hs)
	s.serving.Unlock()
	var err error
	if config != nil {
		err = hs.ServeTLS(ln, "", "")
	} else {
		err = hs.Serve(ln)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
