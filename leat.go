package leat

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/kv/pebblekv"
	"github.com/leatdev/leat/internal/wire"
)

// Platform is an open platform. Close it once.
type Platform struct {
	opts    Options
	log     *slog.Logger
	store   *pebblekv.Store
	started time.Time
	scratch string // a temporary directory of a platform in memory, removed by Close

	*rooms
	front    *wire.Server
	registry *http.Server
	metrics  *metrics

	main, registryListener net.Listener
	serving                sync.WaitGroup
	closeOnce              sync.Once
	closeErr               error
}

// Open starts a platform and returns once it listens. ctx bounds the opening
// only. Errors name what to do: a busy port, a data directory in use or of a
// newer format, an address that would be open to the network.
func Open(ctx context.Context, opts Options) (_ *Platform, err error) {
	if err := opts.normalize(); err != nil {
		return nil, err
	}
	p := &Platform{opts: opts, log: opts.Logger, started: opts.Clock.Now()}
	defer func() {
		if err != nil {
			p.abandon()
		}
	}()
	// The ports come first: a second platform must fail before it touches the data.
	if p.main, err = listen(opts.Addr, "--addr"); err != nil {
		return nil, err
	}
	if p.registryListener, err = listen(opts.RegistryAddr, "--registry-addr"); err != nil {
		return nil, err
	}
	if err = p.prepareDir(); err != nil {
		return nil, err
	}
	if err = p.openStore(ctx); err != nil {
		return nil, err
	}
	p.metrics = newMetrics()
	if p.rooms, err = p.openRooms(ctx); err != nil {
		return nil, err
	}
	if err = p.openFront(); err != nil {
		return nil, err
	}
	p.serve()
	if err = p.startRooms(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// prepareDir makes the data directory, or a temporary one for what functions
// and objects need on disk even when the data is in memory.
func (p *Platform) prepareDir() (err error) {
	if p.opts.DataDir != "" && !p.opts.Memory && p.opts.FS == nil {
		p.opts.DataDir, err = filepath.Abs(p.opts.DataDir)
		if err == nil {
			err = os.MkdirAll(p.opts.DataDir, 0o700)
		}
		return err
	}
	if p.opts.FS != nil && p.opts.FilesDir != "" {
		return os.MkdirAll(p.opts.FilesDir, 0o700)
	}
	p.scratch, err = os.MkdirTemp("", "leat-")
	return err
}

// filesDir is the directory of room name for its files.
func (p *Platform) filesDir(name string) string {
	switch {
	case p.scratch != "":
		return filepath.Join(p.scratch, name)
	case p.opts.FS != nil:
		return filepath.Join(p.opts.FilesDir, name)
	}
	return filepath.Join(p.opts.DataDir, name)
}

// objectsDir is where objects' bodies lie; none for a platform in memory.
func (p *Platform) objectsDir() string {
	if p.opts.Memory {
		return ""
	}
	return filepath.Join(p.opts.DataDir, "objects")
}

// cacheDir holds what is fetched for functions once: the SDKs that AWS's runtimes
// have. It is the user's cache, so that every platform on the machine shares it.
func (p *Platform) cacheDir() string {
	if base, err := os.UserCacheDir(); err == nil {
		return filepath.Join(base, "leat")
	}
	return ""
}

// cacheBytes bounds what the store keeps of its blocks in memory. A write of a table reads the item it
// replaces while others wait; with less, that read goes to the disk.
const cacheBytes = 64 << 20

func (p *Platform) openStore(ctx context.Context) (err error) {
	o := pebblekv.Options{InMemory: p.opts.Memory, Logger: p.log, FS: p.opts.FS, CacheBytes: cacheBytes}
	if !p.opts.Memory {
		o.Dir = filepath.Join(p.opts.DataDir, "store")
	}
	p.store, err = pebblekv.Open(ctx, o)
	return err
}

// serve starts accepting; the goroutines end with the servers.
func (p *Platform) serve() {
	p.serving.Add(2)
	go func() {
		defer p.serving.Done()
		var err error
		if p.opts.TLS != nil {
			err = p.front.ServeTLS(p.main, p.opts.TLS)
		} else {
			err = p.front.Serve(p.main)
		}
		p.served("main", err)
	}()
	go func() {
		defer p.serving.Done()
		var err error
		if p.opts.TLS != nil {
			p.registry.TLSConfig = p.opts.TLS
			err = p.registry.ServeTLS(p.registryListener, "", "")
		} else {
			err = p.registry.Serve(p.registryListener)
		}
		p.served("registry", err)
	}()
}

func (p *Platform) served(name string, err error) {
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		p.log.Error("a listener ended", "listener", name, "error", err)
	}
}

func (p *Platform) scheme() string {
	if p.opts.TLS != nil {
		return "https://"
	}
	return "http://"
}

// URL is the endpoint of all AWS APIs, without a slash at its end.
func (p *Platform) URL() string { return p.scheme() + p.main.Addr().String() }

// RegistryURL is the endpoint of the Confluent Schema Registry API.
func (p *Platform) RegistryURL() string { return p.scheme() + p.registryListener.Addr().String() }

// Region is the region of callers that name none.
func (p *Platform) Region() string { return p.opts.Region }

// Close drains: it stops accepting, waits for requests and invocations in
// flight until ctx ends, and closes the store. It is safe to call twice.
func (p *Platform) Close(ctx context.Context) error {
	p.closeOnce.Do(func() { p.closeErr = p.close(ctx) })
	return p.closeErr
}

func (p *Platform) close(ctx context.Context) error {
	var errs []error
	// Rooms stop taking new work first, while the front door still serves the
	// functions that finish theirs.
	errs = append(errs, p.rooms.drain(ctx))
	p.rooms.endStreams()
	errs = append(errs, p.front.Shutdown(ctx), p.registry.Shutdown(ctx))
	_ = p.front.Close() // what did not end in time
	_ = p.registry.Close()
	_, _ = p.main.Close(), p.registryListener.Close() // closed by the servers, unless they had not begun to serve
	p.serving.Wait()
	errs = append(errs, p.rooms.close(), p.store.Close())
	if p.scratch != "" {
		errs = append(errs, os.RemoveAll(p.scratch))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}

// abandon releases what a failed Open has taken.
func (p *Platform) abandon() {
	if p.front != nil {
		_ = p.front.Close()
	}
	for _, l := range []net.Listener{p.main, p.registryListener} {
		if l != nil {
			_ = l.Close()
		}
	}
	if p.rooms != nil {
		_ = p.rooms.close()
	}
	if p.store != nil {
		_ = p.store.Close()
	}
	if p.scratch != "" {
		_ = os.RemoveAll(p.scratch)
	}
}
