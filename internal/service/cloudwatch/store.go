package cloudwatch

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// Dimension is a name and a value that tell series of one metric apart.
type Dimension struct{ Name, Value string }

// series names a metric of an account in a region.
type series struct {
	place
	namespace, name string
	dims            string // encodeDims
}

// pointID names a point.
type pointID struct {
	series
	unit  string
	tier  int64 // seconds of the interval
	start int64 // Unix seconds, a multiple of tier
}

// encodeDims is one text for a set of dimensions, in whatever order they come:
// sorted by name, each name and value behind its length in two bytes.
func encodeDims(dims []Dimension) string {
	byName := func(a, b Dimension) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(dims, byName) {
		dims = slices.Clone(dims)
		slices.SortFunc(dims, byName)
	}
	n := 0
	for _, d := range dims {
		n += 4 + len(d.Name) + len(d.Value)
	}
	b := make([]byte, 0, n)
	for _, d := range dims {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(d.Name))), d.Name...)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(d.Value))), d.Value...)
	}
	return string(b)
}

// decodeDims is the inverse of encodeDims.
func decodeDims(s string) []Dimension {
	var dims []Dimension
	take := func() string {
		n := int(binary.BigEndian.Uint16([]byte(s[:2])))
		v := s[2 : 2+n]
		s = s[2+n:]
		return v
	}
	for s != "" {
		name := take()
		dims = append(dims, Dimension{name, take()})
	}
	return dims
}

// idBytes is how much of the dimensions' hash names a series. Thirty dimensions of full
// length would not fit into a key.
const idBytes = 16

func (x series) id() []byte {
	sum := sha256.Sum256([]byte(x.dims))
	return sum[:idBytes]
}

func (p place) key(kind string, elems ...any) []byte {
	return kv.Append(kv.Key(kv.SpaceMetrics, kind, p.account, p.region), elems...)
}

func (x series) key() []byte { return x.place.key("s", x.namespace, x.name, x.id()) }

// points is the prefix of the series' points.
func (x series) points() []byte { return x.place.key("p", x.namespace, x.name, x.id()) }

func pointKey(points []byte, tier, start int64, unit string) []byte {
	return kv.Append(points, tier, start, unit)
}

// seriesRecord is a series as stored, behind a version byte.
type seriesRecord struct {
	Dimensions []Dimension `json:",omitempty"`
	Active     int64       // Unix seconds of the newest put, exact to activeGrain
}

const seriesVersion = 1

// activeGrain spares a series a write for every put; ListMetrics asks for hours.
const activeGrain = 5 * time.Minute

func decodeSeries(b []byte) (*seriesRecord, error) {
	rec := new(seriesRecord)
	if len(b) == 0 || b[0] != seriesVersion {
		return nil, fmt.Errorf("%w: unknown record version of a metric", kv.ErrCorrupt)
	}
	if err := json.Unmarshal(b[1:], rec); err != nil {
		return nil, fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return rec, nil
}

// errTooMany: the account has as many series in the region as it may.
var errTooMany = errors.New("too many metrics")

// touch notes that a series is put to, and makes it if there is room.
func (s *Service) touch(t kv.Txn, x series, now time.Time) error {
	key := x.key()
	b, ok, err := t.Get(key)
	if err != nil {
		return err
	}
	rec := &seriesRecord{}
	if ok {
		if rec, err = decodeSeries(b); err != nil {
			return err
		}
		if now.Unix()-rec.Active < int64(activeGrain/time.Second) {
			return nil
		}
	} else if err := s.count(t, x.place, 1); err != nil {
		return err
	}
	rec.Dimensions, rec.Active = decodeDims(x.dims), now.Unix()
	if b, err = json.Marshal(rec); err != nil {
		return err
	}
	return t.Set(key, append([]byte{seriesVersion}, b...))
}

// count changes the number of a place's series.
func (s *Service) count(t kv.Txn, p place, by int64) error {
	key := p.key("n")
	b, ok, err := t.Get(key)
	if err != nil {
		return err
	}
	n := by
	if ok {
		if len(b) != 9 || b[0] != seriesVersion {
			return fmt.Errorf("%w: number of metrics", kv.ErrCorrupt)
		}
		n += int64(binary.BigEndian.Uint64(b[1:]))
	}
	if by > 0 && n > int64(s.maxSeries) {
		return errTooMany
	}
	return t.Set(key, binary.BigEndian.AppendUint64([]byte{seriesVersion}, uint64(n)))
}

// mergeInto adds p to the stored point of a key.
func mergeInto(t kv.Txn, key []byte, p *point) error {
	b, ok, err := t.Get(key)
	if err != nil {
		return err
	}
	sum := p
	if ok {
		if sum, err = decodePoint(b, true); err != nil {
			return err
		}
		sum.merge(p)
	}
	return t.Set(key, sum.append(nil))
}

// span is what of a series is asked for; times are Unix seconds, period divides none of
// the points that are found: points of intervals that do not fit into it are left out, as on AWS.
type span struct {
	start, end, period int64
	unit               string // "" for all
	percentiles        bool
}

// bucket is the figures of one period in one unit.
type bucket struct {
	at   int64
	unit string
}

// maxScanned bounds the points that one request reads.
const maxScanned = 1_000_000

// errScanned: a request asks for more than maxScanned points.
var errScanned = errors.New("too many points")

// read sums up a series by period. budget counts down the points of the whole request.
func read(r kv.Reader, x series, q span, budget *int) (map[bucket]*point, error) {
	found := map[bucket]*point{}
	points := x.points()
	for _, t := range tiers {
		if q.period%t.seconds != 0 {
			continue
		}
		prefix := kv.Append(points, t.seconds)
		err := r.Scan(kv.Range{Start: kv.Append(prefix, q.start), End: kv.Append(prefix, q.end)}, func(key, value []byte) error {
			if *budget--; *budget < 0 {
				return errScanned
			}
			d := kv.DecodeKey(key, len(prefix))
			start, unit := d.Int(), d.String()
			if err := d.Err(); err != nil {
				return err
			}
			if q.unit != "" && q.unit != unit {
				return nil
			}
			p, err := decodePoint(value, q.percentiles)
			if err != nil {
				return err
			}
			at := bucket{q.start + (start-q.start)/q.period*q.period, unit}
			if sum := found[at]; sum != nil {
				sum.merge(p)
			} else {
				found[at] = p
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
