package trace

import (
	"context"
	"errors"
	"slices"

	"github.com/leatdev/leat/internal/kv"
)

// Limits of a query.
const (
	// MaxNodes bounds the nodes of one tree.
	MaxNodes = 2000
	// MaxDepth bounds how many hops a tree follows.
	MaxDepth = 64
	// rangeProbe is how many index entries behind a record are looked at: batches
	// that held it and were retried or split have entries near it.
	rangeProbe = 256
)

// Node is a thing and what followed from it, or led to it.
type Node struct {
	Ref  Ref
	Hops []Edge
	// Cut says that there is more than the tree shows: it grew too large, or the
	// thing stands elsewhere in it already.
	Cut bool
}

// Edge is one hop and the things on its other side.
type Edge struct {
	Hop   Hop
	Nodes []*Node
}

// Forward gives what followed from a thing.
func (l *Log) Forward(ctx context.Context, from Ref) (*Node, error) {
	return l.tree(ctx, from, sideCause)
}

// Backward gives what led to a thing.
func (l *Log) Backward(ctx context.Context, to Ref) (*Node, error) {
	return l.tree(ctx, to, sideEffect)
}

func (l *Log) tree(ctx context.Context, root Ref, side string) (node *Node, err error) {
	if err := l.Flush(ctx); err != nil {
		return nil, err
	}
	err = l.store.View(ctx, func(r kv.Reader) error {
		w, err := newWalker(l, r, side)
		if err != nil {
			return err
		}
		w.seen[root], w.nodes = true, 1
		node = &Node{Ref: root}
		return w.expand(node, 0)
	})
	return node, err
}

// walker builds a tree over one snapshot.
type walker struct {
	l     *Log
	r     kv.Reader
	side  string
	seen  map[Ref]bool
	nodes int

	first, last uint64 // the oldest and the newest segment
}

// newWalker finds the segments of a snapshot.
func newWalker(l *Log, r kv.Reader, side string) (*walker, error) {
	w := &walker{l: l, r: r, side: side, seen: map[Ref]bool{}, first: 1}
	rng := kv.PrefixRange(kv.Key(kv.SpaceTrace, "h"))
	for _, at := range []*uint64{&w.first, &w.last} {
		err := r.Scan(rng, func(key, _ []byte) error {
			d := kv.DecodeKey(key, 1)
			d.Bytes() // "h"
			*at = d.Uint()
			return kv.ErrStop
		})
		if err != nil {
			return nil, err
		}
		rng.Reverse = true
	}
	return w, nil
}

func (w *walker) expand(n *Node, depth int) error {
	hops, err := w.hops(n.Ref, w.side)
	if err != nil {
		return err
	}
	if depth == MaxDepth {
		n.Cut = n.Cut || len(hops) > 0
		return nil
	}
	for _, h := range hops {
		edge := Edge{Hop: h}
		other := h.Effects
		if w.side == sideEffect {
			other = h.Causes
		}
		for i := range other {
			for _, ref := range other[i].refs() {
				if w.nodes == MaxNodes {
					n.Cut = true
					break
				}
				w.nodes++
				edge.Nodes = append(edge.Nodes, &Node{Ref: ref, Cut: w.seen[ref]})
			}
		}
		n.Hops = append(n.Hops, edge)
		for _, child := range edge.Nodes {
			if w.seen[child.Ref] {
				continue
			}
			w.seen[child.Ref] = true
			if err := w.expand(child, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// hops gives the hops that have a thing on one side, oldest first.
func (w *walker) hops(ref Ref, side string) ([]Hop, error) {
	var out []Hop
	for seg := w.first; seg <= w.last; seg++ {
		numbers, err := w.candidates(seg, ref, side)
		if err != nil {
			return nil, err
		}
		slices.Sort(numbers) // oldest first
		for _, n := range numbers {
			b, ok, err := w.r.Get(kv.Key(kv.SpaceTrace, "h", seg, n))
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
			h, err := decodeHop(b)
			if err != nil {
				return nil, errors.Join(kv.ErrCorrupt, err)
			}
			groups := h.Causes
			if side == sideEffect {
				groups = h.Effects
			}
			for i := range groups {
				if groups[i].has(ref) {
					out = append(out, h)
					break
				}
			}
		}
	}
	return out, nil
}

// candidates gives the numbers of hops that the index names for a thing.
func (w *walker) candidates(seg uint64, ref Ref, side string) (numbers []uint64, err error) {
	if ref.Kind == Record {
		return w.rangeCandidates(seg, ref, side)
	}
	prefix := kv.Key(kv.SpaceTrace, "i", seg, side, uint64(ref.Kind), ref.ID)
	err = w.r.Scan(kv.PrefixRange(prefix), func(key, _ []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		name := d.String()
		n := d.Uint()
		if ref.Name == "" || name == ref.Name {
			numbers = append(numbers, n)
		}
		return d.Err()
	})
	return numbers, err
}

func (w *walker) rangeCandidates(seg uint64, ref Ref, side string) (numbers []uint64, err error) {
	prefix := kv.Key(kv.SpaceTrace, "r", seg, side, ref.Shard)
	rng := kv.PrefixRange(prefix)
	rng.Start = kv.Append(prefix, uint64(len(ref.ID)), ref.ID)
	probes := 0
	err = w.r.Scan(rng, func(key, _ []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		d.Uint() // length
		d.Bytes()
		name := d.String()
		n := d.Uint()
		if ref.Name == "" || name == ref.Name {
			numbers = append(numbers, n)
		}
		if probes++; probes == rangeProbe {
			return kv.ErrStop
		}
		return d.Err()
	})
	return numbers, err
}

// Find gives the things that a text may mean: a record by its event id
// ("shardId-…:sequence"), an item ("table/{key}"), or anything else by its id.
func (l *Log) Find(ctx context.Context, text string) ([]Ref, error) {
	if err := l.Flush(ctx); err != nil {
		return nil, err
	}
	wanted := []Ref{}
	for k := Message; k <= Request; k++ {
		wanted = append(wanted, Ref{Kind: k, ID: text})
	}
	if shard, seq, ok := parseRecord(text); ok {
		wanted = append(wanted, Ref{Kind: Record, Shard: shard, ID: seq})
	}
	var found []Ref
	err := l.store.View(ctx, func(r kv.Reader) error {
		found = nil
		w, err := newWalker(l, r, "")
		if err != nil {
			return err
		}
		seen := map[Ref]bool{}
		for _, ref := range wanted {
			for _, side := range []string{sideCause, sideEffect} {
				hops, err := w.hops(ref, side)
				if err != nil {
					return err
				}
				for i := range hops {
					collect(&hops[i], ref, seen, &found)
				}
			}
		}
		return nil
	})
	return found, err
}

// collect adds the full names under which a hop knows a thing.
func collect(h *Hop, ref Ref, seen map[Ref]bool, found *[]Ref) {
	for _, side := range [][]Group{h.Causes, h.Effects} {
		for i := range side {
			if !side[i].has(ref) {
				continue
			}
			full := ref
			full.Name = side[i].Name
			if !seen[full] {
				seen[full] = true
				*found = append(*found, full)
			}
		}
	}
}
