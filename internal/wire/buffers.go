package wire

import (
	"sync"
	"time"
)

// Bounds of the buffers that replies are built in.
const (
	// smallReply is the largest buffer that the collector may keep or drop as it likes.
	smallReply = 64 << 10
	// maxLargeReply is the largest that is kept at all: no reply of AWS is larger.
	maxLargeReply = 16 << 20
	// maxLargeReplies is how many large ones are kept.
	maxLargeReplies = 4
	// replyRest is how long they are kept unused.
	replyRest = time.Second
)

// replyBuffers hold replies while they are built. Small buffers lie in a pool, which the collector
// empties. A page of GetRecords has ten megabytes or more; to grow that afresh after each collection
// is most of the work of a drain, so a few large buffers are kept until nobody has asked for one for a while.
type replyBuffers struct {
	small sync.Pool // of *[]byte

	mu    sync.Mutex
	large []*[]byte
	used  bool // since sweep came last
	armed bool // sweep will come
}

// get gives a buffer for a reply that is likely to have size bytes.
func (r *replyBuffers) get(size int64) *[]byte {
	if size > smallReply {
		if b := r.getLarge(); b != nil {
			return b
		}
	}
	if b, ok := r.small.Get().(*[]byte); ok {
		return b
	}
	b := make([]byte, 0, 4096)
	return &b
}

func (r *replyBuffers) getLarge() *[]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.large) - 1
	if last < 0 {
		return nil
	}
	b := r.large[last]
	r.large[last] = nil
	r.large = r.large[:last]
	r.used = true
	return b
}

// put takes a buffer back, once its reply is sent.
func (r *replyBuffers) put(b *[]byte) {
	switch {
	case cap(*b) <= smallReply:
		r.small.Put(b)
	case cap(*b) <= maxLargeReply:
		r.putLarge(b)
	}
}

func (r *replyBuffers) putLarge(b *[]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.large) == maxLargeReplies {
		return
	}
	r.large = append(r.large, b)
	r.used = true
	if !r.armed {
		r.armed = true
		time.AfterFunc(replyRest, r.sweep)
	}
}

// sweep drops what nobody has used for replyRest.
func (r *replyBuffers) sweep() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.used {
		r.large, r.armed = nil, false
		return
	}
	r.used = false
	time.AfterFunc(replyRest, r.sweep)
}
