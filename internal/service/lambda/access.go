package lambda

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// newUUID makes a version 4 UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// readFunction gets a function from a transaction; a missing one is ResourceNotFoundException.
func readFunction(r kv.Reader, ref reference) (*function, error) {
	f, err := getRecord[function](r, keyOfFunction(ref.functionKey))
	if err == nil && f == nil {
		err = functionNotFound(ref.arn())
	}
	return f, err
}

// readVersion gets the configuration that a qualifier stands for: an alias's own version, without regard to weights.
func readVersion(r kv.Reader, ref reference) (*function, *config, error) {
	f, err := readFunction(r, ref)
	if err != nil {
		return nil, nil, err
	}
	version := ref.qualifier
	if !isVersion(version) && version != "" {
		a := f.Aliases[version]
		if a == nil {
			return nil, nil, functionNotFound(ref.arn())
		}
		version = a.Version
	}
	if version == "" || version == latest {
		return f, &f.Latest, nil
	}
	c, err := getRecord[config](r, keyOfVersion(ref.functionKey, versionNumber(version)))
	if err == nil && c == nil {
		err = functionNotFound(ref.arn())
	}
	return f, c, err
}

// view runs fn over a function.
func (s *Service) view(ctx context.Context, ref reference, fn func(r kv.Reader, f *function, c *config) error) error {
	return s.store.View(ctx, func(r kv.Reader) error {
		f, c, err := readVersion(r, ref)
		if err != nil {
			return err
		}
		return fn(r, f, c)
	})
}

// change runs fn over a function and stores it. What is cached of it is read again afterwards.
func (s *Service) change(ctx context.Context, ref reference, fn func(t kv.Txn, f *function) error) error {
	err := s.store.Update(ctx, func(t kv.Txn) error {
		f, err := readFunction(t, ref)
		if err != nil {
			return err
		}
		if err := fn(t, f); err != nil {
			return err
		}
		return record.Save(t, keyOfFunction(ref.functionKey), f)
	})
	s.forget(ref.functionKey)
	return err
}

// forget drops what is cached of a function.
func (s *Service) forget(k functionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.functions, k)
	s.generation++
}

// load gives a function from the cache. The result must not be changed.
func (s *Service) load(ctx context.Context, ref reference) (*function, error) {
	s.mu.Lock()
	f := s.functions[ref.functionKey]
	generation := s.generation
	s.mu.Unlock()
	if f != nil {
		return f, nil
	}
	err := s.store.View(ctx, func(r kv.Reader) (err error) {
		f, err = readFunction(r, ref)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation == generation { // nothing was changed while we read
		s.functions[ref.functionKey] = f
	}
	return f, nil
}
