package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func read(s string) (Reply, error) {
	return readReply(bufio.NewReaderSize(strings.NewReader(s), maxLine), nil)
}

func TestRepliesAreRead(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Reply{
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":                                                {Status: 200, Body: []byte("{}")},
		"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n":                    {Status: 400, Close: true},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n":       {Status: 200, Body: []byte("abc")},
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: yes\r\n\r\n":                {Status: 200},
		"HTTP/1.1 204 No Content\r\n\r\n":                                                               {Status: 204},
		"HTTP/1.1 200\r\n" + strings.Repeat("a: b\r\n", maxHeaderLines-2) + "Content-Length:1\r\n\r\nx": {Status: 200, Body: []byte("x")},
	} {
		got, err := read(in)
		if err != nil || got.Status != want.Status || got.Close != want.Close || !bytes.Equal(got.Body, want.Body) {
			t.Errorf("%.60q: %+v %v", in, got, err)
		}
	}
}

func TestBrokenRepliesAreRefused(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", maxReplyBody+1),
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("a: b\r\n", maxHeaderLines) + "Content-Length:1\r\n\r\nx",
		"HTTP/1.1 200 OK\r\na: " + strings.Repeat("b", maxLine) + "\r\n\r\n",
	} {
		if got, err := read(in); !errors.Is(err, ErrReply) {
			t.Errorf("%.60q: %+v %v", in, got, err)
		}
	}
}

// FuzzReply holds the reader against the standard library's: whatever ours accepts, that one reads the same.
func FuzzReply(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
	f.Add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
	f.Add("HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 1\n\nx")
	f.Fuzz(func(t *testing.T, in string) {
		r, err := read(in)
		if err != nil {
			return
		}
		if r.Status < 200 || r.Status > 599 || len(r.Body) > maxReplyBody || len(r.Body) > len(in) {
			t.Fatalf("%+v", r)
		}
		other, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in)), nil)
		if err == nil && other.StatusCode != r.Status {
			t.Fatalf("status %d, the standard library says %d", r.Status, other.StatusCode)
		}
	})
}

func TestAFollowerNoticesWhatAStreamDoesWrong(t *testing.T) {
	t.Parallel()
	put := newRing(2, 3, 2, 2)
	// Two keys a worker: the records of "0-0" are the first of each of its calls.
	all := func() (keys []string, data [][]byte) {
		for n := range 4 {
			for _, rec := range put.records[0][n%3] {
				keys, data = append(keys, rec.key), append(data, rec.data)
			}
		}
		return keys, data
	}
	feed := func(change func(keys []string, data [][]byte) ([]string, [][]byte)) error {
		f := put.follow([]int{4, 0})
		keys, data := change(all())
		for i := range keys {
			if err := f.see(keys[i], data[i]); err != nil {
				return err
			}
		}
		return f.done()
	}
	same := func(k []string, d [][]byte) ([]string, [][]byte) { return k, d }
	if err := feed(same); err != nil {
		t.Errorf("a faithful stream: %v", err)
	}
	for name, change := range map[string]func(k []string, d [][]byte) ([]string, [][]byte){
		"lost":      func(k []string, d [][]byte) ([]string, [][]byte) { return k[:7], d[:7] },
		"twice":     func(k []string, d [][]byte) ([]string, [][]byte) { return append(k, k[7]), append(d, d[7]) },
		"reordered": func(k []string, d [][]byte) ([]string, [][]byte) { d[0], d[2] = d[2], d[0]; return k, d },
		"invented":  func(k []string, d [][]byte) ([]string, [][]byte) { k[0] = "9-9"; return k, d },
		"changed":   func(k []string, d [][]byte) ([]string, [][]byte) { d[3] = append([]byte("x"), d[3]...); return k, d },
	} {
		if feed(change) == nil {
			t.Errorf("%s: not noticed", name)
		}
	}
}

func TestGoalsAreJudged(t *testing.T) {
	t.Parallel()
	f := Figure{Ratio: 0.4, CPU: 45, goals: []goal{atLeast("ratio", 0.40, ""), atMost("CPU", 45, "µs")}}
	if f.judge(); f.Met == nil || !*f.Met || f.Goal != "ratio ≥ 0.4, CPU ≤ 45 µs" {
		t.Errorf("at the limit: %+v", f)
	}
	f.CPU = 45.1
	if f.judge(); *f.Met {
		t.Error("one past it was met")
	}
	g := Figure{goals: []goal{atMost("memory", 40, "MiB")}}
	if g.judge(); g.Met != nil {
		t.Error("judged what was not measured")
	}
}

func TestProcessorTimeIsReadBehindANameWithAnything(t *testing.T) {
	t.Parallel()
	stat := "42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 7 5 0 0 20 0 1 0 100 1 1"
	if d := parseCPU([]byte(stat)); d != 120*time.Millisecond {
		t.Errorf("%s", d)
	}
	for _, broken := range []string{"", "42 (x", "42 (x) S 1", "42 (x) S 1 2 3 4 5 6 7 8 9 10 a b"} {
		if d := parseCPU([]byte(broken)); d != 0 {
			t.Errorf("%q: %s", broken, d)
		}
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{0.4: "0.4", 45: "45", 999: "999", 1000: "1,000", 150000: "150,000", 1234567: "1,234,567"} {
		if got := thousands(v); got != want {
			t.Errorf("%v: %q", v, got)
		}
	}
}
