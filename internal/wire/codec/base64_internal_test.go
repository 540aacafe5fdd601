package codec

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"testing"
)

// spaced are lengths around the steps of the fast paths, and longer ones.
func spaced() (out []int) {
	for n := range 40 {
		out = append(out, n)
	}
	return append(out, 1023, 1024, 1025, 4096)
}

func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return b
}

func TestBase64IsThatOfTheLibrary(t *testing.T) {
	t.Parallel()
	for _, n := range spaced() {
		b := noise(n)
		want := base64.StdEncoding.EncodeToString(b)
		for _, room := range []int{0, 3, 8, 2 * len(want)} {
			got := appendBase64(append(make([]byte, 0, 1+room), 'x'), b)
			if string(got) != "x"+want {
				t.Fatalf("%d bytes became %q, want %q", n, got, "x"+want)
			}
		}
		back, err := decodeInPlace([]byte(want))
		if err != nil || !bytes.Equal(back, b) || cap(back) != len(back) {
			t.Fatalf("%q became %x (capacity %d), %v; want %x", want, back, cap(back), err, b)
		}
	}
}

func TestWhatIsNotBase64IsRefused(t *testing.T) {
	t.Parallel()
	good := base64.StdEncoding.EncodeToString(noise(30))
	for at := range good {
		for _, c := range []string{"\n", "\r", "=", "-", " ", "\x00", "\xff"} {
			bad := good[:at] + c + good[at+1:]
			if c == "=" && at == len(good)-1 {
				continue // one byte fewer, well padded
			}
			if b, err := decodeInPlace([]byte(bad)); err == nil {
				t.Errorf("%q became %x", bad, b)
			}
		}
	}
	for _, bad := range []string{good[1:], good + "A", good + "====", "QQ==" + good, strings.Repeat("A", 9), "\n" + good, good + "\n"} {
		if b, err := decodeInPlace([]byte(bad)); err == nil {
			t.Errorf("%q became %x", bad, b)
		}
	}
}

func FuzzBase64(f *testing.F) {
	f.Add([]byte("QUJDREVGR0hJSktM"))
	f.Add([]byte("QUJDREVGR0hJSktMTQ=="))
	f.Add([]byte("QUJDRE\nGR0hJSktM"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, err := base64.StdEncoding.DecodeString(string(raw))
		breaks := bytes.ContainsAny(raw, "\r\n")
		got, gotErr := decodeInPlace(bytes.Clone(raw))
		if (gotErr == nil) != (err == nil && !breaks) || gotErr == nil && !bytes.Equal(got, want) {
			t.Fatalf("%q became %x, %v; the library says %x, %v", raw, got, gotErr, want, err)
		}
		if enc := appendBase64(nil, raw); string(enc) != base64.StdEncoding.EncodeToString(raw) {
			t.Fatalf("%x became %q", raw, enc)
		}
	})
}

func BenchmarkBase64(b *testing.B) {
	data := noise(1024)
	text := []byte(base64.StdEncoding.EncodeToString(data))
	buf := make([]byte, 0, 2048)
	run := func(name string, op func()) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				op()
			}
		})
	}
	run("encode", func() { appendBase64(buf, data) })
	run("encode, library", func() { base64.StdEncoding.AppendEncode(buf, data) })
	run("decode", func() { _, _ = decodeInPlace(append(buf, text...)) })
	run("decode, library", func() { _, _ = base64.StdEncoding.Decode(buf[:2048], text) })
}
