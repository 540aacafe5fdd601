package pebblekv

import (
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
)

// version is the store right behind one commit.
type version struct {
	number uint64
	snap   *pebble.Snapshot
	// refs counts the readers of snap and the list's own hold; guarded by versions.mu, as the rest is.
	refs int
	// durable tells that the commit is; done, if somebody waits for that, is then closed.
	durable bool
	done    chan struct{}
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
	// dropped are the snapshots that nobody needs any more; see sweep.
	dropped []*pebble.Snapshot
	// armed tells that a sweep will begin within sweepAfter.
	armed bool
	// closing counts the sweeps under way.
	closing sync.WaitGroup
	// ask has one goroutine take a snapshot, which comes back by made; see snapshot.
	ask  chan struct{}
	made chan *pebble.Snapshot
}

// Bounds of what lies between a snapshot's last use and its return to the engine. For each return of
// the oldest snapshot the engine looks for work in all its files, which costs more than a commit;
// but as long as a snapshot is there, what was overwritten behind it cannot be thrown away.
const (
	maxDropped = 256
	sweepAfter = 50 * time.Millisecond
)

func (v *versions) init(db *pebble.DB, dead <-chan struct{}) {
	v.db, v.dead = db, dead
	v.idle = sync.NewCond(&v.mu)
	// Opening a store makes all it found durable.
	v.line = []*version{{snap: db.NewSnapshot(), refs: 1, durable: true}}
	v.ask, v.made = make(chan struct{}), make(chan *pebble.Snapshot, 1)
	go v.takeSnapshots()
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

// newest is the number of the current version. For the holder of the writer's lock it stands still.
func (v *versions) newest() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.line[len(v.line)-1].number
}

func (v *versions) release(ver *version) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.unref(ver)
}

// unref lets go of ver; mu is held.
func (v *versions) unref(ver *version) {
	if ver.refs--; ver.refs == 0 {
		v.drop(ver.snap)
	}
}

// add makes a new current version. The caller holds the writer's lock and has
// just applied a commit, so the snapshot is exactly the state behind it.
// In a store that fails meanwhile the version is nobody's: it never becomes durable.
func (v *versions) add() *version {
	ver := &version{snap: v.snapshot(), refs: 1}
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
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.line) > 1 && v.line[1].number <= ver.number {
		v.unref(v.line[0])
		v.line[0] = nil
		v.line = v.line[1:]
		first := v.line[0]
		first.durable = true
		if first.done != nil {
			close(first.done)
		}
	}
}

// waiter is closed once ver is durable; it is nil if it is so already.
func (v *versions) waiter(ver *version) <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case ver.durable:
		return nil
	case ver.done == nil:
		ver.done = make(chan struct{})
	}
	return ver.done
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
	for _, ver := range v.line {
		v.drop(ver.snap)
	}
	v.line = nil
	close(v.ask)
	v.beginSweep()
	v.mu.Unlock()
	v.settled()
	return true
}

// snapshot takes one, or gives nil when the store fails first. A failed engine may
// have stopped in the middle of a lock that snapshots need, so nobody waits for it directly.
// The caller holds the writer's lock: there is one question at a time.
func (v *versions) snapshot() *pebble.Snapshot {
	select {
	case v.ask <- struct{}{}:
	case <-v.dead:
		return nil
	}
	select {
	case s := <-v.made:
		return s
	case <-v.dead:
		return nil
	}
}

// takeSnapshots ends with the calls, or stays behind with an engine that has failed.
func (v *versions) takeSnapshots() {
	for range v.ask {
		v.made <- v.db.NewSnapshot()
	}
}

// drop gives a snapshot back, though not at once; mu is held.
func (v *versions) drop(s *pebble.Snapshot) {
	v.dropped = append(v.dropped, s)
	switch {
	case len(v.dropped) >= maxDropped:
		v.beginSweep()
	case !v.armed:
		v.armed = true
		time.AfterFunc(sweepAfter, v.sweepLate)
	}
}

func (v *versions) sweepLate() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.armed = false
	v.beginSweep()
}

// beginSweep gives all dropped snapshots back; mu is held. It is done beside the caller, because the
// engine may be busy with its files, or have failed in the middle of a lock. The goroutine ends with
// the calls, or stays behind with an engine that has failed.
func (v *versions) beginSweep() {
	if len(v.dropped) == 0 {
		return
	}
	dropped := v.dropped
	v.dropped = nil
	v.closing.Add(1)
	go func() {
		defer v.closing.Done()
		v.sweep(dropped)
	}()
}

// sweep closes the oldest snapshot last, so that the engine looks for work once only.
func (v *versions) sweep(dropped []*pebble.Snapshot) {
	for _, s := range slices.Backward(dropped) {
		select {
		case <-v.dead:
			return
		default:
			_ = s.Close() // never fails
		}
	}
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
