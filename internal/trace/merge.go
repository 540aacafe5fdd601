package trace

import "slices"

// written names the calls that are kept as one hop: an invocation's writes to one table by one operation.
type written struct {
	cause            Ref
	operation, table string
}

// merge joins hops that differ in nothing but the items they wrote: a function that handles a batch makes
// hundreds of them, and each would be stored and indexed with its cause anew. The hop stands where
// the first stood, at the time of the first.
func merge(batch []Hop) []Hop {
	out := batch[:0]
	at, joined := map[written]int{}, map[int]bool{}
	for i := range batch {
		h := batch[i]
		key, ok := h.writes()
		if !ok {
			out = append(out, h)
			continue
		}
		j, known := at[key]
		if !known || len(out[j].Effects[0].IDs)+len(h.Effects[0].IDs) > MaxIDs {
			at[key] = len(out)
			out = append(out, h)
			continue
		}
		first := &out[j].Effects[0]
		if !joined[j] { // never into memory of the caller's
			joined[j] = true
			out[j].Effects = slices.Clone(out[j].Effects)
			first = &out[j].Effects[0]
			first.IDs = append(make([]string, 0, len(batch)), first.IDs...)
		}
		first.IDs = append(first.IDs, h.Effects[0].IDs...)
	}
	clear(batch[len(out):])
	return out
}

// writes tells of a hop that one invocation caused and that did nothing but write to a table.
func (h *Hop) writes() (written, bool) {
	if h.Error != "" || len(h.Causes) != 1 || len(h.Effects) != 1 {
		return written{}, false
	}
	c, e := &h.Causes[0], &h.Effects[0]
	if c.Kind != Invocation || len(c.IDs) != 1 || e.Kind != Item {
		return written{}, false
	}
	return written{Ref{Kind: c.Kind, Name: c.Name, Shard: c.Shard, ID: c.IDs[0]}, h.Operation, e.Name}, true
}
