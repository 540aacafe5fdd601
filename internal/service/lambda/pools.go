package lambda

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

// poolEntry is the code of one version, ready to be invoked.
type poolEntry struct {
	mu       sync.Mutex
	pool     *runtime.Pool
	revision string
	// sources are watched for changes; nil for code from a zip.
	sources   *runtime.Sources
	signature string
	checked   time.Time
	look      time.Duration // what the last look took
}

// The files of a folder are looked at while its function is invoked: every folderCheck, or more
// seldom where that would take more than the lookShare-th part of the time.
const (
	folderCheck = 50 * time.Millisecond
	lookShare   = 20
)

func (e *poolEntry) current() *runtime.Pool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.pool
}

// poolOf gives the pool of a version, renewed if its code or settings have
// changed. Instances of the old pool finish what they are at.
func (s *Service) poolOf(ctx context.Context, ref reference, f *function, version string) (*poolEntry, error) {
	key := versionKey{ref.functionKey, version}
	s.mu.Lock()
	e := s.pools[key]
	if e == nil {
		e = &poolEntry{}
		s.pools[key] = e
	}
	s.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.pool != nil && (version != latest || e.revision == f.Latest.RevisionID && !s.stale(e)) {
		return e, nil
	}
	c := &f.Latest
	if version != latest {
		var err error
		if c, err = s.published(ctx, ref, version); err != nil {
			return nil, err
		}
	}
	return e, s.renew(ctx, e, ref.functionKey, c)
}

// stale tells whether the files of a folder have changed since they were built; e.mu is held.
func (s *Service) stale(e *poolEntry) bool {
	now := s.clock.Now()
	if e.sources == nil || now.Sub(e.checked) < max(folderCheck, lookShare*e.look) {
		return false
	}
	sig, err := e.sources.Signature()
	e.checked = s.clock.Now()
	e.look = e.checked.Sub(now)
	return err != nil || sig != e.signature
}

func (s *Service) published(ctx context.Context, ref reference, version string) (*config, error) {
	var c *config
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		c, err = getRecord[config](r, keyOfVersion(ref.functionKey, versionNumber(version)))
		return err
	})
	if err == nil && c == nil {
		err = functionNotFound(ref.functionKey.arn(version))
	}
	return c, err
}

// renew makes a new pool for a version; e.mu is held.
func (s *Service) renew(ctx context.Context, e *poolEntry, k functionKey, c *config) error {
	var sources *runtime.Sources
	var signature, dir string
	var err error
	if c.Code.Folder != "" && c.Version == latest {
		if sources, err = s.engine.Sources(ctx, c.Code.Folder, c.Runtime, c.Handler); err != nil {
			return err
		}
		// Before the build: a change during it is found at the next look.
		if signature, err = sources.Signature(); err != nil {
			return &runtime.LaunchError{Type: "Runtime.BuildFailed", Message: err.Error()}
		}
		dir, err = s.engine.Build(ctx, c.Code.Folder, c.Runtime, c.Handler)
	} else {
		dir, err = s.dir(ctx, c)
	}
	if err != nil {
		return err
	}
	spec, err := s.spec(ctx, k, c, dir)
	if err != nil {
		return err
	}
	old := e.pool
	e.pool, e.revision, e.sources, e.signature, e.checked = s.engine.Pool(spec), c.RevisionID, sources, signature, s.clock.Now()
	if old != nil {
		old.Close()
	}
	return nil
}

// spec is what instances of a version are started from.
func (s *Service) spec(ctx context.Context, k functionKey, c *config, dir string) (*runtime.Spec, error) {
	spec := &runtime.Spec{
		AccountID: k.account, Region: k.region, FunctionName: k.name, Version: c.Version, RoleARN: c.Role, Runtime: c.Runtime, Handler: c.Handler,
		CodeDir: dir, MemoryMB: int(c.Memory), Timeout: time.Duration(c.Timeout) * time.Second, Env: c.Environment, LogGroup: c.Logging.Group,
		LogJSON: c.Logging.JSON, AppLogLevel: c.Logging.AppLevel, SystemLogLevel: c.Logging.SysLevel, Architecture: c.Architecture,
	}
	var layers []code
	err := s.store.View(ctx, func(r kv.Reader) error {
		layers = layers[:0]
		for _, arn := range c.Layers {
			v, err := layerByARN(r, arn)
			if err != nil {
				return err
			}
			layers = append(layers, v.Code)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, l := range layers {
		d, err := s.dir(ctx, &config{Code: l})
		if err != nil {
			return nil, err
		}
		spec.LayerDirs = append(spec.LayerDirs, d)
	}
	return spec, nil
}

// closePools ends the pools of a function, or of one version of it.
func (s *Service) closePools(k functionKey, version string) {
	s.mu.Lock()
	var gone []*poolEntry
	for key, e := range s.pools {
		if key.functionKey == k && (version == "" || key.version == version) {
			gone = append(gone, e)
			delete(s.pools, key)
		}
	}
	s.mu.Unlock()
	for _, e := range gone {
		if pool := e.current(); pool != nil {
			pool.Close()
		}
	}
}

// choose gives the version that a qualifier stands for; an alias with weights draws lots.
func choose(ref reference, f *function) (string, error) {
	if ref.qualifier == "" || isVersion(ref.qualifier) {
		return or(ref.qualifier, latest), nil
	}
	a := f.Aliases[ref.qualifier]
	if a == nil {
		return "", functionNotFound(ref.arn())
	}
	for v, w := range a.Weights {
		if rand.Float64() < w {
			return v, nil
		}
	}
	return a.Version, nil
}

// maxRenewals bounds how often an invocation begins again because its pool was replaced under it.
const maxRenewals = 20

// execute runs one invocation: admission, choice of the version, instance. It
// does not end early with ctx: what has begun is finished, as on AWS.
func (s *Service) execute(ctx context.Context, ref reference, inv runtime.Invocation, async bool) (runtime.Result, string, error) {
	f, err := s.load(ctx, ref)
	if err != nil {
		return runtime.Result{}, "", err
	}
	version, err := choose(ref, f)
	if err != nil {
		return runtime.Result{}, "", err
	}
	m := Measurement{Account: ref.account, Region: ref.region, Function: ref.name, Qualifier: ref.qualifier, Version: version, Async: async}
	release, concurrent, err := s.admit(ref.functionKey)
	m.Concurrent = concurrent
	if err != nil {
		m.Throttle = true
		s.opt.Measure(m)
		return runtime.Result{}, version, err
	}
	defer release()
	inv.FunctionARN = ref.arn()
	res, err := s.onInstance(context.WithoutCancel(ctx), ref, f, version, inv)
	if err != nil {
		return res, version, err
	}
	m.Duration, m.Init, m.Cold, m.TimedOut, m.MemoryMB, m.Error = res.Duration, res.Init, res.Cold, res.TimedOut, res.MaxMemory, res.FunctionError != ""
	s.opt.Measure(m)
	return res, version, nil
}

func (s *Service) onInstance(ctx context.Context, ref reference, f *function, version string, inv runtime.Invocation) (runtime.Result, error) {
	for range maxRenewals {
		e, err := s.poolOf(ctx, ref, f, version)
		var launch *runtime.LaunchError
		if errors.As(err, &launch) {
			return launch.Result(inv.RequestID), nil
		}
		if err != nil {
			return runtime.Result{}, err
		}
		res, err := e.current().Invoke(ctx, inv)
		switch {
		case err == nil:
			return res, nil
		case errors.Is(err, runtime.ErrNoCapacity):
			return res, throttled("ConcurrentInvocationLimitExceeded")
		case !errors.Is(err, runtime.ErrClosed):
			return res, err
		case s.ctx.Err() != nil:
			return res, errClosing
		}
		// The function was changed between the look and the call: again with what it is now.
		if f, err = s.load(ctx, ref); err != nil {
			return runtime.Result{}, err
		}
	}
	return runtime.Result{}, throttled("ConcurrentInvocationLimitExceeded")
}
