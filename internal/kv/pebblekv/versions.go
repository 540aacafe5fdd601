package pebblekv

import (
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// version is the store right behind one commit.
type version struct {
	number uint64
	snap   *pebble.Snapshot
	// refs counts the readers of snap and the list's own hold; guarded by versions.mu.
	refs int
	// done is closed once the commit is durable.
	done chan struct{}
}

// versions owns the line from the last durable version to the current one.
type versions struct {
	db *pebble.DB
	// dead is closed when the store has failed: the engine is not to be touched then
	// but for reading, and its snapshots stay as they are.
	dead <-chan struct{}
	mu   sync.Mutex
	// line holds the last durable version first and the current one last.
	line   []*version
	active int // calls under way
	idle   *sync.Cond
	closed bool
	// closing counts the snapshots that are being given back.
	closing sync.WaitGroup
}

func (v *versions) init(db *pebble.DB, dead <-chan struct{}) {
	v.db, v.dead = db, dead
	v.idle = sync.NewCond(&v.mu)
	first := &version{snap: db.NewSnapshot(), refs: 1, done: make(chan struct{})}
	close(first.done) // opening a store makes all it found durable
	v.line = []*version{first}
}

// enter counts a call in; it fails once the store is closed.
func (v *versions) enter() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return false
	}
	v.active++
	return true
}

func (v *versions) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.active--
	if v.active == 0 {
		v.idle.Broadcast()
	}
}

// acquire takes hold of the current version, or of the last durable one.
func (v *versions) acquire(durable bool) *version {
	v.mu.Lock()
	defer v.mu.Unlock()
	ver := v.line[len(v.line)-1]
	if durable {
		ver = v.line[0]
	}
	ver.refs++
	return ver
}

func (v *versions) release(ver *version) {
	v.mu.Lock()
	drop := v.unref(ver)
	v.mu.Unlock()
	v.closeSnapshot(drop)
}

// unref lets go of ver; mu is held. It returns the snapshot to close, if any.
func (v *versions) unref(ver *version) *pebble.Snapshot {
	ver.refs--
	if ver.refs > 0 {
		return nil
	}
	return ver.snap
}

// add makes a new current version. The caller holds the writer's lock and has
// just applied a commit, so the snapshot is exactly the state behind it.
// In a store that fails meanwhile the version is nobody's: it never becomes durable.
func (v *versions) add() *version {
	ver := &version{snap: v.snapshot(), refs: 1, done: make(chan struct{})}
	if ver.snap == nil {
		return ver
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	ver.number = v.line[len(v.line)-1].number + 1
	v.line = append(v.line, ver)
	return ver
}

// durable moves the watermark to ver. A sync of the log covers all that was
// written to it before, so every version up to ver is durable with it.
func (v *versions) durable(ver *version) {
	var drop []*pebble.Snapshot
	v.mu.Lock()
	for len(v.line) > 1 && v.line[1].number <= ver.number {
		if s := v.unref(v.line[0]); s != nil {
			drop = append(drop, s)
		}
		v.line[0] = nil
		v.line = v.line[1:]
		close(v.line[0].done)
	}
	v.mu.Unlock()
	for _, s := range drop {
		v.closeSnapshot(s)
	}
}

// close refuses new calls, waits for those under way and drops all snapshots. It
// reports false when it has been called before.
func (v *versions) close() bool {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return false
	}
	v.closed = true
	for v.active > 0 {
		v.idle.Wait()
	}
	line := v.line
	v.line = nil
	v.mu.Unlock()
	for _, ver := range line {
		v.closeSnapshot(ver.snap)
	}
	v.settled()
	return true
}

// snapshot takes one, or gives nil when the store fails first. A failed engine may
// have stopped in the middle of a lock that snapshots need, so nobody waits for it directly.
func (v *versions) snapshot() *pebble.Snapshot {
	made := make(chan *pebble.Snapshot, 1)
	go func() { made <- v.db.NewSnapshot() }()
	select {
	case s := <-made:
		return s
	case <-v.dead:
		return nil
	}
}

// closeSnapshot gives a snapshot back, beside the caller: for the same reason as above. The
// goroutine ends with the call, or stays behind with an engine that has failed.
func (v *versions) closeSnapshot(s *pebble.Snapshot) {
	if s == nil {
		return
	}
	v.closing.Add(1)
	go func() {
		defer v.closing.Done()
		select {
		case <-v.dead:
		default:
			_ = s.Close() // never fails
		}
	}()
}

// settled waits until all snapshots are given back, or the store has failed: an engine
// that works must not be closed while it has snapshots.
func (v *versions) settled() {
	done := make(chan struct{})
	go func() {
		v.closing.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-v.dead:
	}
}
