package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	goruntime "runtime"
	"sync"

	"github.com/leatdev/leat/internal/clock"
)

// DefaultMaxInstances is AWS's default limit of concurrent executions of an account.
const DefaultMaxInstances = 1000

// Engine runs functions. All its methods are safe for concurrent use.
type Engine struct {
	opt          Options
	clock        clock.Clock
	log          *slog.Logger
	instancesDir string
	cacheDir     string
	bootstrapDir string
	boxes        *boxes
	tools        tools
	cache        flights
	lists        goLists

	ctx     context.Context // ends with the engine
	cancel  context.CancelFunc
	running sync.WaitGroup // instances

	slots chan struct{} // initialisations at once

	mu        sync.Mutex
	pools     map[*Pool]struct{}
	instances int
	closed    bool
}

// New starts an engine over opt.Dir. Processes that a killed predecessor left
// behind are ended first.
func New(opt Options) (*Engine, error) {
	if opt.Dir == "" {
		return nil, errors.New("runtime: Options.Dir is required")
	}
	dir, err := filepath.Abs(opt.Dir)
	if err != nil {
		return nil, err
	}
	opt.Dir = dir
	if opt.CacheDir == "" {
		opt.CacheDir = filepath.Join(dir, "cache")
	}
	setDefaults(&opt)
	e := &Engine{
		opt: opt, clock: opt.Clock, log: opt.Log,
		instancesDir: filepath.Join(dir, "instances"), cacheDir: opt.CacheDir,
		slots: make(chan struct{}, opt.MaxStarting), pools: map[*Pool]struct{}{},
	}
	// Every instance has LAMBDA_RUNTIME_DIR, which is below our directory.
	sweep("LAMBDA_RUNTIME_DIR=" + filepath.Join(dir, "bootstrap-"))
	if err := os.RemoveAll(e.instancesDir); err != nil {
		return nil, fmt.Errorf("remove instances of an earlier run: %w", err)
	}
	for _, d := range []string{e.instancesDir, e.cacheDir} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	if err := e.writeBootstraps(); err != nil {
		return nil, err
	}
	if e.boxes, err = newBoxes(opt.Sandbox, opt.Log); err != nil {
		return nil, err
	}
	e.log.Debug("functions are kept apart", "by", e.boxes.String(), "memory", e.boxes.memoryBound())
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e, nil
}

func setDefaults(o *Options) {
	if o.Sandbox == "" {
		o.Sandbox = SandboxAuto
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = DefaultIdleTimeout
	}
	if o.MaxInstances <= 0 {
		o.MaxInstances = DefaultMaxInstances
	}
	if o.MaxStarting <= 0 {
		o.MaxStarting = 2 * goruntime.NumCPU()
	}
	if o.Logs == nil {
		o.Logs = noLogs{}
	}
	if o.Credentials == nil {
		o.Credentials = fixedKeys{}
	}
	if o.Observer == nil {
		o.Observer = noObserver{}
	}
	if o.Clock == nil {
		o.Clock = clock.System()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// writeBootstraps puts our own runtimes where interpreters find them; the
// directory is named by their content, so that an upgrade never changes files under a running instance.
func (e *Engine) writeBootstraps() error {
	sum := sha256.New()
	sum.Write(pythonBootstrap)
	sum.Write(nodeBootstrap)
	e.bootstrapDir = filepath.Join(e.opt.Dir, "bootstrap-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if err := os.MkdirAll(e.bootstrapDir, 0o755); err != nil {
		return err
	}
	for name, body := range map[string][]byte{"bootstrap.py": pythonBootstrap, "bootstrap.cjs": nodeBootstrap} {
		if err := os.WriteFile(filepath.Join(e.bootstrapDir, name), body, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Isolation says in words what keeps instances apart on this system.
func (e *Engine) Isolation() string { return e.boxes.String() }

// MemoryBound says in words what holds instances to their memory on this system.
func (e *Engine) MemoryBound() string { return e.boxes.memoryBound() }

func (e *Engine) addPool(p *Pool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pools[p] = struct{}{}
	p.closed = e.closed
}

func (e *Engine) dropPool(p *Pool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.pools, p)
}

// reserve takes one of the engine's places for instances.
func (e *Engine) reserve() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	if e.instances < e.opt.MaxInstances {
		e.instances++
		return true
	}
	return false
}

// evictOldest ends the instance that has been idle the longest of all, and waits for its end.
func (e *Engine) evictOldest() (evicted, closed bool) {
	e.mu.Lock()
	pools := make([]*Pool, 0, len(e.pools))
	for p := range e.pools {
		pools = append(pools, p)
	}
	closed = e.closed
	e.mu.Unlock()
	var oldest *instance
	for _, p := range pools {
		if in := p.oldestIdle(); in != nil && (oldest == nil || in.idleSince.Before(oldest.idleSince)) {
			oldest = in
		}
	}
	return oldest != nil && oldest.pool.evict(oldest), closed
}

func (e *Engine) unreserve() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.instances--
}

// startSlot waits for a slot to initialise in. By then the instance may no longer be
// wanted: another has become free. ok is false in that case and when the engine closes.
func (e *Engine) startSlot(wanted func() bool) (release func(), ok bool) {
	select {
	case e.slots <- struct{}{}:
	case <-e.ctx.Done():
		return func() {}, false
	}
	return func() { <-e.slots }, wanted()
}

// Close ends all instances and waits until they are gone.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	pools := make([]*Pool, 0, len(e.pools))
	for p := range e.pools {
		pools = append(pools, p)
	}
	e.mu.Unlock()
	e.cancel()
	for _, p := range pools {
		p.abort()
	}
	e.running.Wait()
	e.boxes.close()
	return os.RemoveAll(e.instancesDir)
}
