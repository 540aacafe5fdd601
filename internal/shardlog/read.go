package shardlog

import (
	"context"
	"time"

	"github.com/leatdev/leat/internal/kv"
)

// Position is a place to begin reading; make it with one of the functions below.
type Position struct {
	kind positionKind
	seq  Seq
	time time.Time
}

type positionKind byte

const (
	atHorizon positionKind = iota
	atLatest
	atSeq
	afterSeq
	atTime
)

// TrimHorizon begins at the oldest retained record.
func TrimHorizon() Position { return Position{kind: atHorizon} }

// Latest begins behind the newest record.
func Latest() Position { return Position{kind: atLatest} }

// At begins with the record of sequence s, or the next one there is.
func At(s Seq) Position { return Position{kind: atSeq, seq: s} }

// After begins behind sequence s.
func After(s Seq) Position { return Position{kind: afterSeq, seq: s} }

// AtTime begins with the first record that arrived at t or later.
func AtTime(t time.Time) Position { return Position{kind: atTime, time: t} }

// Resolve turns a position into the sequence to read from. The result stays valid
// for ever, also in another process.
func (l *Log) Resolve(r kv.Reader, id StreamID, shard uint32, p Position) (Seq, error) {
	t, err := readTail(r, id, shard)
	if err != nil {
		return 0, l.missing(r, id, err)
	}
	switch p.kind {
	case atLatest:
		return t.last + 1, nil
	case atSeq:
		return p.seq, nil
	case afterSeq:
		return p.seq + 1, nil
	case atTime:
		return SeqAt(p.time), nil
	default:
		return 0, nil
	}
}

// missing tells a missing shard from a missing stream.
func (l *Log) missing(r kv.Reader, id StreamID, err error) error {
	if _, herr := readHeader(r, id); herr != nil {
		return herr
	}
	return err
}

// Page is what one read gives.
type Page struct {
	Records []Record
	// Next is where the following read begins.
	Next Seq
	// End is true when the shard is closed and nothing is left behind Next; its
	// children follow.
	End bool
	// Behind is how far the page's end lies behind the shard's newest record, 0
	// when nothing is left to read.
	Behind time.Duration
	// Trimmed is true when the read was asked to begin at a place that retention
	// has passed since: records from there on may have been trimmed unread.
	Trimmed bool
}

// Bounds limit one read; zero values mean the package's own limits.
type Bounds struct {
	Records int
	// Bytes bounds keys and data together; one record is returned even if it alone is larger.
	Bytes int
}

func (b Bounds) capped() Bounds {
	if b.Records <= 0 || b.Records > MaxReadRecords {
		b.Records = MaxReadRecords
	}
	if b.Bytes <= 0 || b.Bytes > MaxReadBytes {
		b.Bytes = MaxReadBytes
	}
	return b
}

// Read reads records from a sequence on. Everything it returns is durable.
func (l *Log) Read(ctx context.Context, id StreamID, shard uint32, from Seq, b Bounds) (p Page, err error) {
	err = l.store.View(ctx, func(r kv.Reader) error {
		p, err = l.ReadIn(r, id, shard, from, b)
		return err
	})
	return p, err
}

// ReadIn is Read within the caller's view.
func (l *Log) ReadIn(r kv.Reader, id StreamID, shard uint32, from Seq, b Bounds) (Page, error) {
	h, err := readHeader(r, id)
	if err != nil {
		return Page{}, err
	}
	s, err := l.Shard(r, id, shard)
	if err != nil {
		return Page{}, err
	}
	t, err := readTail(r, id, shard)
	if err != nil {
		return Page{}, err
	}
	horizon := l.horizon(h)
	p := Page{Next: from, Trimmed: from > s.Start && from < horizon && from <= t.last}
	more, err := l.readRecords(r, id, shard, max(from, horizon), b.capped(), &p)
	if err != nil {
		return Page{}, err
	}
	if !more {
		p.Next = max(p.Next, t.last+1)
		p.End = !s.Open() && p.Next > t.last
		return p, nil
	}
	p.Behind = max(l.now().Sub((p.Next - 1).Time()), time.Millisecond)
	return p, nil
}

// readRecords fills p and tells whether records are left behind it.
func (l *Log) readRecords(r kv.Reader, id StreamID, shard uint32, from Seq, b Bounds, p *Page) (more bool, err error) {
	rg := kv.PrefixRange(recordPrefix(id, shard))
	rg.Start = recordKey(id, shard, from)
	size := 0
	var copies copies
	err = r.Scan(rg, func(k, v []byte) error {
		if len(p.Records) >= b.Records {
			more = true
			return kv.ErrStop
		}
		rec, err := decodeRecord(recordSeq(k), v, &copies)
		if err != nil {
			return err
		}
		if size += rec.Bytes(); size > b.Bytes && len(p.Records) > 0 {
			more = true
			return kv.ErrStop
		}
		p.Records = append(p.Records, rec)
		p.Next = rec.Seq + 1
		return nil
	})
	return more, err
}

// ReadWait is Read that waits: it returns as soon as a record is durable, the
// shard's end is reached, or ctx is done (with ctx's error).
func (l *Log) ReadWait(ctx context.Context, id StreamID, shard uint32, from Seq, b Bounds) (Page, error) {
	for {
		changed := l.Changed(id, shard)
		p, err := l.Read(ctx, id, shard, from, b)
		if err != nil || len(p.Records) > 0 || p.End {
			return p, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return Page{}, ctx.Err()
		}
	}
}

// Backlog counts the retained records of a shard from a sequence on.
func (l *Log) Backlog(r kv.Reader, id StreamID, shard uint32, from Seq) (records, bytes uint64, err error) {
	h, err := readHeader(r, id)
	if err != nil {
		return 0, 0, err
	}
	t, err := readTail(r, id, shard)
	if err != nil {
		return 0, 0, err
	}
	rg := kv.PrefixRange(recordPrefix(id, shard))
	rg.Start = recordKey(id, shard, max(from, l.horizon(h)))
	err = r.Scan(rg, func(_, v []byte) error {
		n, size, err := before(v)
		if err != nil {
			return err
		}
		records, bytes = t.records-n, t.bytes-size
		return kv.ErrStop
	})
	return records, bytes, err
}
