package wire

import (
	"testing"
	"testing/synctest"
	"time"
)

func sized(n int) *[]byte {
	b := make([]byte, 0, n)
	return &b
}

func TestLargeReplyBuffersAreKeptWhileTheyAreUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r replyBuffers
		first := sized(smallReply + 1)
		for range 5 { // longer than replyRest altogether
			r.put(first)
			time.Sleep(replyRest / 2)
			if r.get(smallReply+1) != first {
				t.Fatal("a large buffer in use was not kept")
			}
		}
		r.put(first)
		time.Sleep(2*replyRest + time.Millisecond)
		if r.get(smallReply+1) == first {
			t.Error("a large buffer that nobody used was kept")
		}
	})
}

func TestLargeReplyBuffersAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r replyBuffers
		for range maxLargeReplies + 1 {
			r.put(sized(maxLargeReply))
		}
		r.put(sized(maxLargeReply + 1))
		r.mu.Lock()
		kept := len(r.large)
		r.mu.Unlock()
		if kept != maxLargeReplies {
			t.Errorf("%d large buffers are kept, at most %d may be", kept, maxLargeReplies)
		}
		if small := r.get(smallReply); cap(*small) > smallReply {
			t.Errorf("a small reply was given %d bytes", cap(*small))
		}
		time.Sleep(3 * replyRest)
	})
}
