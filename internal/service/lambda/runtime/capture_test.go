package runtime_test

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"

	"github.com/leatdev/leat/internal/service/lambda/runtime"
)

func frame(msg string) []byte {
	b := binary.BigEndian.AppendUint32(nil, 0xa55a0003)
	b = binary.BigEndian.AppendUint32(b, uint32(len(msg)))
	b = binary.BigEndian.AppendUint64(b, 1_700_000_000_000_000)
	return append(b, msg...)
}

func TestFramesAreWholeMessages(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("z", runtime.MaxLogLineBytes)
	for name, c := range map[string]struct {
		in   []byte
		want []string
	}{
		"several lines":        {frame("one\ntwo"), []string{"one\ntwo"}},
		"two frames":           {append(frame("a"), frame("b")...), []string{"a", "b"}},
		"rubbish between":      {append(append(frame("a"), "rubbish"...), frame("b")...), []string{"a", "b"}},
		"unfinished":           {frame("abc")[:18], nil},
		"at the limit":         {frame(long), []string{long}},
		"past the limit":       {frame(long + "x"), []string{long, "x"}},
		"a length beyond all":  {append([]byte{0xa5, 0x5a, 0, 3, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}, frame("b")...), []string{"b"}},
		"an empty one is lost": {append(frame(""), frame("b")...), []string{"b"}},
	} {
		for _, n := range []int{1 << 30, 7, 1} {
			if n == 1 && len(c.in) > 1000 {
				continue // one byte at a time is for the short ones
			}
			if got := runtime.Captured(nil, c.in, n); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s in pieces of %d: %.80q", name, n, got)
			}
		}
	}
}

func FuzzCapture(f *testing.F) {
	f.Add([]byte("a line\nanother\r\nunfinished"), frame("two\nlines"), 3)
	f.Add([]byte{}, append([]byte("rubbish"), frame("x")...), 1)
	f.Add([]byte("\n\n\n"), []byte{0xa5, 0x5a, 0xa5, 0x5a}, 2)
	f.Fuzz(func(t *testing.T, plain, framed []byte, n int) {
		if n <= 0 {
			n = 1
		}
		whole, pieces := runtime.Captured(plain, framed, 1<<30), runtime.Captured(plain, framed, n)
		if !reflect.DeepEqual(whole, pieces) {
			t.Errorf("in pieces of %d: %q, at once: %q", n, pieces, whole)
		}
		for _, m := range whole {
			if len(m) > runtime.MaxLogLineBytes || m == "" {
				t.Errorf("a message of %d bytes", len(m))
			}
		}
	})
}
