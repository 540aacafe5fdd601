package shardlog

import (
	"bytes"
	"testing"
)

func FuzzStoredValues(f *testing.F) {
	f.Add(appendRecord(nil, &Entry{Key: "k", Data: []byte("d"), Flags: 3}, &tail{records: 1, bytes: 2}), uint32(1))
	f.Add((&header{epoch: 1, retention: 2, nextShard: 3}).encode(), uint32(0))
	f.Add((&Shard{Parents: []uint32{1, 2}, Start: 3}).encode(), uint32(9))
	f.Add([]byte{}, uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, n uint32) {
		if h, err := decodeHeader(b); err == nil && !bytes.Equal(h.encode(), b) {
			t.Fatalf("header %x came back as %x", b, h.encode())
		}
		if s, err := decodeShard(n, b); err == nil && !bytes.Equal(s.encode(), b) {
			t.Fatalf("shard %x came back as %x", b, s.encode())
		}
		_, _, _ = before(b)
		if r, err := decodeRecord(1, b, &copies{}); err == nil && len(r.Key)+len(r.Data) > len(b) {
			t.Fatalf("record larger than its value")
		}
	})
}

func TestRecordsComeBack(t *testing.T) {
	t.Parallel()
	for _, e := range []Entry{{}, {Key: "k"}, {Data: []byte{0}}, {Key: "é", Data: bytes.Repeat([]byte("x"), 1<<20), Flags: 255}} {
		b := appendRecord(nil, &e, &tail{records: 7, bytes: 9})
		r, err := decodeRecord(5, b, &copies{})
		records, size, err2 := before(b)
		if err != nil || err2 != nil || r.Key != e.Key || !bytes.Equal(r.Data, e.Data) || r.Flags != e.Flags || records != 7 || size != 9 || r.Seq != 5 {
			t.Fatalf("%+v, %v, %v", r, err, err2)
		}
	}
}

func TestCopiesAreWholeAndApart(t *testing.T) {
	t.Parallel()
	var c copies
	var want, got [][]byte
	for i := range 500 {
		for _, n := range []int{0, 1, i, firstChunk, lastChunk / 4, lastChunk/4 + 1} {
			b := bytes.Repeat([]byte{byte(i)}, n)
			want, got = append(want, bytes.Clone(b)), append(got, c.of(b))
			clear(b) // a copy must not notice
		}
	}
	for i := range want {
		if got[i] == nil || !bytes.Equal(got[i], want[i]) {
			t.Fatalf("copy %d of %d bytes is wrong", i, len(want[i]))
		}
		_ = append(got[i], 1) // nor its neighbour
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("copy %d of %d bytes was overwritten", i, len(want[i]))
		}
	}
}
