package plain

import (
	"math"
	"net"
	"net/http"
	"sync"
	"testing"
)

// A sweep may look at a connection at any moment of the end of a call.
func TestACallEndsHoweverOftenItIsLookedAt(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer func() { _, _ = ours.Close(), theirs.Close() }()
	c := newConn(New(&http.Server{}, nil), ours)
	stop := make(chan struct{})
	var sweeps sync.WaitGroup
	for range 2 {
		sweeps.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					c.look(math.MaxInt64)
				}
			}
		})
	}
	for range 2000 {
		ctx := c.begin()
		c.look(math.MaxInt64) // the watch has begun now, if not before
		c.end()
		if ctx.Err() == nil {
			t.Fatal("the call has ended and its context has not")
		}
	}
	close(stop)
	sweeps.Wait()
}
