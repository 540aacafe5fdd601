package registry

import (
	"container/list"
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/leatdev/leat/schema"
)

const (
	// DefaultCacheSize is how many schemas are kept by id, and how many by definition.
	DefaultCacheSize = 1000
	// DefaultAttempts is how often a request is tried.
	DefaultAttempts = 4
	// DefaultBackoff is the pause before the second attempt; it doubles from then on,
	// give or take a half.
	DefaultBackoff = 50 * time.Millisecond
	// requestTimeout bounds one question with all its attempts, because those who wait
	// for it may each give up on their own.
	requestTimeout = 30 * time.Second
)

// backend is one kind of registry without cache, retry or single flight.
type backend interface {
	byID(ctx context.Context, id ID) (*schema.Schema, error)
	register(ctx context.Context, subject string, def Definition) (Version, error)
	lookup(ctx context.Context, subject string, def Definition) (Version, error)
	latest(ctx context.Context, subject string) (Version, error)
	// passing tells whether an error may go away by itself.
	passing(err error) bool
	// uuids tells whether ids are UUIDs.
	uuids() bool
}

// settings are what both kinds share.
type settings struct {
	cacheSize int
	attempts  int
	backoff   time.Duration
}

// cached is a backend with cache, single flight and retry.
type cached struct {
	back   backend
	set    settings
	flight singleflight.Group

	mu    sync.Mutex
	ids   *lru[ID, *schema.Schema]
	found *lru[string, Version]
}

func newCached(back backend, set settings) *cached {
	return &cached{back: back, set: set, ids: newLRU[ID, *schema.Schema](set.cacheSize), found: newLRU[string, Version](set.cacheSize)}
}

// UUIDs tells whether the registry's ids are UUIDs, as Glue's are. Package serde
// chooses its wire format by it.
func (c *cached) UUIDs() bool { return c.back.uuids() }

// ByID implements Registry.
func (c *cached) ByID(ctx context.Context, id ID) (*schema.Schema, error) {
	c.mu.Lock()
	s, ok := c.ids.get(id)
	c.mu.Unlock()
	if ok {
		return s, nil
	}
	v, err := c.once(ctx, "id/"+id.String(), func(ctx context.Context) (any, error) { return c.back.byID(ctx, id) })
	if err != nil {
		return nil, err
	}
	s = v.(*schema.Schema)
	c.mu.Lock()
	c.ids.put(id, s)
	c.mu.Unlock()
	return s, nil
}

// Register implements Registry.
func (c *cached) Register(ctx context.Context, subject string, def Definition) (Version, error) {
	return c.version(ctx, "r", subject, def, c.back.register)
}

// Lookup implements Registry.
func (c *cached) Lookup(ctx context.Context, subject string, def Definition) (Version, error) {
	return c.version(ctx, "l", subject, def, c.back.lookup)
}

// version answers from the cache: what was once found or registered stays so.
func (c *cached) version(ctx context.Context, op, subject string, def Definition, ask func(context.Context, string, Definition) (Version, error)) (Version, error) {
	key := definitionKey(subject, def)
	c.mu.Lock()
	v, ok := c.found.get(key)
	c.mu.Unlock()
	if ok {
		return v, nil
	}
	got, err := c.once(ctx, op+"/"+key, func(ctx context.Context) (any, error) { return ask(ctx, subject, def) })
	if err != nil {
		return Version{}, err
	}
	v = got.(Version)
	c.mu.Lock()
	c.found.put(key, v)
	c.ids.put(v.ID, v.Schema)
	c.mu.Unlock()
	return v, nil
}

// definitionKey joins what a version depends on; NUL occurs in none of it.
func definitionKey(subject string, def Definition) string {
	key := subject + "\x00" + string(def.Type) + "\x00" + def.Text
	for _, r := range def.References {
		key += "\x00" + r.Name + "\x00" + r.Subject + "\x00" + strconv.Itoa(r.Version)
	}
	return key
}

// Latest implements Registry.
func (c *cached) Latest(ctx context.Context, subject string) (Version, error) {
	v, err := c.once(ctx, "latest/"+subject, func(ctx context.Context) (any, error) { return c.back.latest(ctx, subject) })
	if err != nil {
		return Version{}, err
	}
	return v.(Version), nil
}

// once asks on behalf of all who want the same now. Who gives up does not spoil
// the answer for the others.
func (c *cached) once(ctx context.Context, key string, ask func(context.Context) (any, error)) (any, error) {
	answer := c.flight.DoChan(key, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
		defer cancel()
		return c.retry(ctx, ask)
	})
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case a := <-answer:
		return a.Val, a.Err
	}
}

func (c *cached) retry(ctx context.Context, ask func(context.Context) (any, error)) (any, error) {
	pause := min(max(c.set.backoff, 0), requestTimeout)
	for attempt := 1; ; attempt++ {
		v, err := ask(ctx)
		if err == nil || attempt >= c.set.attempts || !c.back.passing(err) {
			return v, err
		}
		timer := time.NewTimer(pause/2 + rand.N(pause+1))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		case <-timer.C:
		}
		pause = min(2*pause, requestTimeout)
	}
}

// lru is a bounded map that forgets what was used longest ago. Its user locks.
type lru[K comparable, V any] struct {
	max   int
	order *list.List // of pair, most recent first
	items map[K]*list.Element
}

type pair[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{max: size, order: list.New(), items: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (value V, ok bool) {
	e, ok := l.items[key]
	if !ok {
		return value, false
	}
	l.order.MoveToFront(e)
	return e.Value.(pair[K, V]).value, true
}

func (l *lru[K, V]) put(key K, value V) {
	if e, ok := l.items[key]; ok {
		e.Value = pair[K, V]{key, value}
		l.order.MoveToFront(e)
		return
	}
	l.items[key] = l.order.PushFront(pair[K, V]{key, value})
	for l.order.Len() > l.max {
		oldest := l.order.Back()
		l.order.Remove(oldest)
		delete(l.items, oldest.Value.(pair[K, V]).key)
	}
}
