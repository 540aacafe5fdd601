package trace

import (
	"context"
	"testing"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
)

// gated is a store whose updates wait for a gate, once it is shut.
type gated struct {
	kv.Store
	gate    chan struct{}
	entered chan struct{}
}

func (g *gated) Update(ctx context.Context, fn func(kv.Txn) error) error {
	if g.gate != nil {
		select {
		case g.entered <- struct{}{}:
		default:
		}
		<-g.gate
	}
	return g.Store.Update(ctx, fn)
}

func TestHopsBeyondTheQueueAreDropped(t *testing.T) {
	t.Parallel()
	g := &gated{Store: kvtest.New(t)}
	l, err := Open(context.Background(), Options{Store: g})
	if err != nil {
		t.Fatal(err)
	}
	g.gate, g.entered = make(chan struct{}), make(chan struct{}, 1)
	hop := Hop{Operation: "Invoke", Causes: []Group{{Kind: Message, Name: "q", IDs: []string{"1"}}}}
	l.Add(hop)
	<-g.entered // the writer is stuck, and takes no more
	for range queueHops {
		l.Add(hop)
	}
	if n := l.Dropped(); n != 0 {
		t.Errorf("%d hops were dropped by a queue that holds them", n)
	}
	l.Add(hop)
	if n := l.Dropped(); n != 1 {
		t.Errorf("%d hops were dropped, want 1", n)
	}
	close(g.gate)
	l.Close()
}
