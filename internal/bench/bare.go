package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bareHandler reads the body and answers as many bytes as the path says, with the
// headers that an AWS API has at least.
func bareHandler() http.Handler {
	answer := bytes.Repeat([]byte("a"), 64<<10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil || n < 0 || n > maxReplyBody {
			http.Error(w, "the path is the number of bytes to answer", http.StatusBadRequest)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		for n > 0 {
			k, err := w.Write(answer[:min(n, len(answer))])
			if err != nil {
				return
			}
			n -= k
		}
	})
}

// ServeBare is the bare server: what net/http costs with nothing behind it. It
// serves ln until ctx ends.
func ServeBare(ctx context.Context, ln net.Listener) error {
	s := &http.Server{Handler: bareHandler(), ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = s.Close() })()
	if err := s.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
