package cloudwatch

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/leatdev/leat/internal/kv"
)

// maxBins bounds the distinct values that a point keeps for percentiles. Past it,
// values are rounded to a grid of 1 %, of 2 % if that is not enough, and so on.
const maxBins = 200

// point is what is known of one unit's values within one interval.
type point struct {
	count, sum, min, max float64
	// bins are the values with their numbers, in ascending order. A point without
	// them is opaque: some of its values were negative or came as a statistic set,
	// and AWS gives no percentiles of such.
	bins   []bin
	opaque bool
}

type bin struct{ value, count float64 }

// add takes value n times.
func (p *point) add(value, n float64) {
	p.widen(n, value*n, value, value)
	if value < 0 {
		p.opaque, p.bins = true, nil
	}
	p.bin(value, n)
}

// addSet takes a statistic set.
func (p *point) addSet(count, sum, lowest, highest float64) {
	if count == 1 || lowest == highest {
		p.widen(count, sum, lowest, highest)
		if lowest < 0 {
			p.opaque, p.bins = true, nil
		}
		p.bin(lowest, count)
		return
	}
	p.widen(count, sum, lowest, highest)
	p.opaque, p.bins = true, nil
}

// merge takes all of another point.
func (p *point) merge(o *point) {
	p.widen(o.count, o.sum, o.min, o.max)
	if o.opaque {
		p.opaque, p.bins = true, nil
	}
	for _, b := range o.bins {
		p.bin(b.value, b.count)
	}
}

func (p *point) widen(count, sum, lowest, highest float64) {
	if p.count == 0 {
		p.min, p.max = lowest, highest
	}
	p.min, p.max = math.Min(p.min, lowest), math.Max(p.max, highest)
	p.count += count
	p.sum += sum
}

func (p *point) bin(value, n float64) {
	if p.opaque {
		return
	}
	i, found := slices.BinarySearchFunc(p.bins, value, func(b bin, v float64) int {
		switch {
		case b.value < v:
			return -1
		case b.value > v:
			return 1
		}
		return 0
	})
	if found {
		p.bins[i].count += n
		return
	}
	p.bins = slices.Insert(p.bins, i, bin{value, n})
	if len(p.bins) > maxBins {
		p.coarsen()
	}
}

// coarsen rounds the values to a grid that leaves half of the bins free, so that it
// is not done again for every value to come.
func (p *point) coarsen() {
	const finest = 0.01
	for grid := finest; len(p.bins) > maxBins/2; grid *= 2 {
		step := math.Log1p(grid)
		kept := p.bins[:0]
		for _, b := range p.bins {
			v := b.value
			if v > 0 {
				v = math.Exp(math.Round(math.Log(v)/step) * step)
			}
			if n := len(kept); n > 0 && kept[n-1].value == v {
				kept[n-1].count += b.count
				continue
			}
			kept = append(kept, bin{v, b.count})
		}
		p.bins = kept
	}
}

// percentile is the least value that at least percent of the values do not exceed.
func (p *point) percentile(percent float64) (float64, bool) {
	if p.opaque || len(p.bins) == 0 {
		return 0, false
	}
	rank, seen := percent/100*p.count, 0.0
	for _, b := range p.bins {
		seen += b.count
		// The sum of many counts may miss the rank by a rounding error.
		if seen >= rank*(1-1e-12) {
			return math.Max(p.min, math.Min(p.max, b.value)), true
		}
	}
	return p.max, true
}

const (
	pointVersion = 1
	flagOpaque   = 1
	pointHeader  = 2 + 4*8
	binSize      = 2 * 8
)

// append writes the point: a version byte, flags, count, sum, minimum, maximum, and
// pairs of a value and its number; all are 8 bytes, big-endian.
func (p *point) append(b []byte) []byte {
	var flags byte
	if p.opaque {
		flags |= flagOpaque
	}
	b = append(b, pointVersion, flags)
	for _, f := range [...]float64{p.count, p.sum, p.min, p.max} {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(f))
	}
	for _, x := range p.bins {
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(x.value))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(x.count))
	}
	return b
}

// decodePoint reads a point; its bins only if they are wanted.
func decodePoint(b []byte, bins bool) (*point, error) {
	if len(b) < pointHeader || b[0] != pointVersion || (len(b)-pointHeader)%binSize != 0 {
		return nil, fmt.Errorf("%w: metric point", kv.ErrCorrupt)
	}
	float := func(at int) float64 { return math.Float64frombits(binary.BigEndian.Uint64(b[at:])) }
	p := &point{opaque: b[1]&flagOpaque != 0, count: float(2), sum: float(10), min: float(18), max: float(26)}
	if !bins {
		return p, nil
	}
	for at := pointHeader; at < len(b); at += binSize {
		p.bins = append(p.bins, bin{float(at), float(at + 8)})
	}
	return p, nil
}
