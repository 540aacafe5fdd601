package runtime

import "time"

// Captured runs what a function printed through the two parsers of a capture, in
// pieces of size n, and gives the messages that come out.
func Captured(plain, framed []byte, n int) []string {
	var out []string
	c := &capture{now: func() time.Time { return time.Unix(0, 0) }, sink: LogSinkFunc(func(_ LogStream, events []LogEvent) {
		for _, e := range events {
			out = append(out, e.Message)
		}
	})}
	feed := func(s *source, b []byte) {
		for len(b) > 0 {
			k := min(n, len(b))
			s.rest = append(s.rest, b[:k]...)
			s.take(c, s)
			b = b[k:]
		}
	}
	feed(&source{take: takeLines}, plain)
	feed(&source{take: takeFrames}, framed)
	c.send()
	return out
}

// TalkBuffer bounds the head of a request that is served straight off the connection.
const TalkBuffer = talkBuffer

// ParseHead is parseHead.
func ParseHead(head []byte) (id string, length int, ok bool) {
	r, ok := parseHead(head)
	return r.id, r.length, ok
}
