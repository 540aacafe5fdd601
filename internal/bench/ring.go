package bench

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
)

// payloadBytes is the size of a record, an item's value or a message.
const payloadBytes = 1 << 10

// payload is n bytes that no compression makes smaller, different for each (w, i, j) and the same on each run.
func payload(w, i, j, n int) []byte {
	var seed [32]byte
	binary.BigEndian.PutUint32(seed[0:], uint32(w))
	binary.BigEndian.PutUint32(seed[4:], uint32(i))
	binary.BigEndian.PutUint32(seed[8:], uint32(j))
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(b)
	return b
}

// text is n characters of that kind.
func text(w, i, j, n int) string {
	return base64.RawURLEncoding.EncodeToString(payload(w, i, j, n*3/4+1))[:n]
}

// ring is what the workers put on a stream: records[w][i%len] are the records of call i of worker w.
type ring struct {
	records [][][]record
	calls   calls
}

type record struct {
	key  string
	data []byte
}

// newRing makes the records of workers workers, of size different requests each, with perCall
// records a call over keys keys a worker.
func newRing(workers, size, perCall, keys int) *ring {
	r := &ring{records: make([][][]record, workers)}
	for w := range workers {
		for i := range size {
			var rs []record
			for j := range perCall {
				key := strconv.Itoa(w) + "-" + strconv.Itoa((i*perCall+j)%keys)
				rs = append(rs, record{key, payload(w, i, j, payloadBytes)})
			}
			r.records[w] = append(r.records[w], rs)
		}
	}
	return r
}

// sign makes the requests, by build from the records of one call.
func (r *ring) sign(build func([]record) ([]byte, error)) error {
	r.calls = make(calls, len(r.records))
	for w := range r.records {
		for _, rs := range r.records[w] {
			request, err := build(rs)
			if err != nil {
				return err
			}
			r.calls[w] = append(r.calls[w], request)
		}
	}
	return nil
}

// follower checks that a stream holds what was put: every record once, in order
// per key.
type follower struct {
	keys map[string]*trail
}

// trail is what is expected of one key: lap is its records in one round of the ring.
type trail struct {
	lap       [][]byte
	want, got int
}

// follow expects what calls[w] calls of each worker have put.
func (r *ring) follow(calls []int) *follower {
	f := &follower{keys: map[string]*trail{}}
	for w, laps := range r.records {
		for i, rs := range laps {
			times := calls[w] / len(laps)
			if i < calls[w]%len(laps) {
				times++
			}
			for _, rec := range rs {
				t := f.keys[rec.key]
				if t == nil {
					t = &trail{}
					f.keys[rec.key] = t
				}
				t.lap = append(t.lap, rec.data)
				t.want += times
			}
		}
	}
	return f
}

// see takes the next record of a shard.
func (f *follower) see(key string, data []byte) error {
	t := f.keys[key]
	if t == nil {
		return fmt.Errorf("a record with key %q, which nobody put", key)
	}
	if t.got >= t.want || !bytes.Equal(data, t.lap[t.got%len(t.lap)]) {
		return fmt.Errorf("record %d of key %q (of %d) is not the one that was put", t.got, key, t.want)
	}
	t.got++
	return nil
}

// done tells what is missing.
func (f *follower) done() error {
	for key, t := range f.keys {
		if t.got != t.want {
			return fmt.Errorf("of the %d records acknowledged for key %q, %d are there", t.want, key, t.got)
		}
	}
	return nil
}
