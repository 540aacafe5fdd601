package runtime

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync"
	"syscall"
	"time"
)

// capture turns what an instance's processes print into log events.
//
// It reads two pipes: one that is both stdout and stderr, so that their order is
// kept, where a line is an event; and one of frames, by which the runtimes of
// Python, Node and Java send messages that may have several lines:
//
//	0xa55a00?? │ length, 4 bytes │ microseconds since 1970, 8 bytes │ message
//
// Reading and processing happen under one lock, and flush reads what is still in
// the pipes itself. So a log line printed before a response is in the log before
// the invocation ends, without any waiting.
type capture struct {
	sink LogSink
	to   LogStream
	now  func() time.Time

	mu      sync.Mutex
	plain   *source
	framed  *source
	batch   []LogEvent
	tail    []byte // last LogTailBytes of the current invocation, when tailing
	tailing bool
	printed int // bytes in the current invocation
	cut     bool
}

// source is one pipe and what was read of an unfinished line or frame.
type source struct {
	r    *os.File
	rest []byte
	take func(c *capture, s *source)
}

const (
	readChunk  = 64 << 10
	maxBatch   = 256
	frameHead  = 16
	frameMagic = 0xa55a
	// flushBytes bounds what a flush reads while the function goes on printing.
	flushBytes = 1 << 20
)

// start reads until the pipes are closed by every process that holds them.
func (c *capture) start(wg *sync.WaitGroup) {
	for _, s := range []*source{c.plain, c.framed} {
		if s == nil {
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer s.r.Close()
			c.readAll(s)
		}()
	}
}

func (c *capture) readAll(s *source) {
	rc, err := s.r.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, readChunk)
	for ended := false; !ended; {
		err := rc.Read(func(fd uintptr) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			n, err := syscall.Read(int(fd), buf)
			if err == syscall.EAGAIN || err == syscall.EINTR {
				return false
			}
			if n <= 0 {
				ended = true
				return true
			}
			s.rest = append(s.rest, buf[:n]...)
			s.take(c, s)
			c.send()
			return true
		})
		if err != nil {
			ended = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(s.rest) > 0 && s == c.plain {
		c.add(c.now(), s.rest)
		s.rest = nil
	}
	c.send()
}

// flush takes what is in the pipes now.
func (c *capture) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushLocked()
}

func (c *capture) flushLocked() {
	buf := make([]byte, 8<<10)
	for _, s := range []*source{c.plain, c.framed} {
		if s == nil {
			continue
		}
		rc, err := s.r.SyscallConn()
		if err != nil {
			continue
		}
		_ = rc.Control(func(fd uintptr) {
			for read := 0; read < flushBytes; {
				n, err := syscall.Read(int(fd), buf)
				if err != nil || n <= 0 {
					return
				}
				read += n
				s.rest = append(s.rest, buf[:n]...)
				s.take(c, s)
			}
		})
	}
	c.send()
}

// takeLines moves whole lines, and pieces of lines that are too long, to the batch.
func takeLines(c *capture, s *source) {
	b := s.rest
	for {
		i := bytes.IndexByte(b, '\n')
		switch {
		case i >= 0 && i <= MaxLogLineBytes:
			c.add(c.now(), b[:i])
			b = b[i+1:]
		case len(b) > MaxLogLineBytes:
			c.add(c.now(), b[:MaxLogLineBytes])
			b = b[MaxLogLineBytes:]
		default:
			s.rest = append(s.rest[:0], b...)
			return
		}
	}
}

// takeFrames moves whole frames to the batch. Bytes that are no frame were written by
// something else to the descriptor; they are passed over up to the next frame.
func takeFrames(c *capture, s *source) {
	b := s.rest
	for len(b) >= frameHead {
		if binary.BigEndian.Uint16(b) != frameMagic {
			i := bytes.Index(b[1:], []byte{frameMagic >> 8, frameMagic & 0xff})
			if i < 0 {
				b = b[len(b)-1:]
				break
			}
			b = b[i+1:]
			continue
		}
		n := int(binary.BigEndian.Uint32(b[4:]))
		if n > MaxPayloadBytes {
			b = b[2:]
			continue
		}
		if len(b) < frameHead+n {
			break
		}
		at := time.UnixMicro(int64(binary.BigEndian.Uint64(b[8:])))
		for msg := b[frameHead : frameHead+n]; ; msg = msg[MaxLogLineBytes:] {
			c.add(at, msg[:min(len(msg), MaxLogLineBytes)])
			if len(msg) <= MaxLogLineBytes {
				break
			}
		}
		b = b[frameHead+n:]
	}
	s.rest = append(s.rest[:0], b...)
}

// add puts one message of the function into the batch; mu is held.
func (c *capture) add(at time.Time, msg []byte) {
	msg = bytes.TrimSuffix(msg, []byte{'\n'})
	msg = bytes.TrimSuffix(msg, []byte{'\r'})
	if len(msg) == 0 {
		return
	}
	c.printed += len(msg) + 1
	if c.printed > MaxLogBytesPerInvocation {
		if !c.cut {
			c.cut = true
			c.put(at, "[leat] this invocation has printed more than 64 MiB; what follows is dropped")
		}
		return
	}
	c.put(at, string(msg))
}

// put appends an event; mu is held.
func (c *capture) put(at time.Time, msg string) {
	c.batch = append(c.batch, LogEvent{Time: at, Message: msg})
	if c.tailing {
		c.tail = append(append(c.tail, msg...), '\n')
		if len(c.tail) > 4*LogTailBytes {
			c.tail = append(c.tail[:0], c.tail[len(c.tail)-LogTailBytes:]...)
		}
	}
	if len(c.batch) >= maxBatch {
		c.send()
	}
}

// send hands the batch to the sink; mu is held, so that a stream's events stay in order.
func (c *capture) send() {
	if len(c.batch) > 0 {
		c.sink.Append(c.to, c.batch)
		clear(c.batch)
		c.batch = c.batch[:0]
	}
}

// platform logs lines of the platform itself (START, END, REPORT).
func (c *capture) platform(lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.platformLocked(lines...)
}

func (c *capture) platformLocked(lines ...string) {
	at := c.now()
	for _, l := range lines {
		if l != "" {
			c.put(at, l)
		}
	}
	c.send()
}

// begin opens an invocation: counters start anew, and tail says whether to keep the end of the log.
func (c *capture) begin(tail bool, lines ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.printed, c.cut = 0, false
	c.tailing, c.tail = tail, c.tail[:0]
	c.platformLocked(lines...)
}

// end closes an invocation: what it printed is flushed, then lines follow.
func (c *capture) end(lines ...string) (tail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flushLocked()
	if p := c.plain; p != nil && len(p.rest) > 0 { // a last line without its end
		c.add(c.now(), p.rest)
		p.rest = p.rest[:0]
	}
	c.platformLocked(lines...)
	t := c.tail
	if len(t) > LogTailBytes {
		t = t[len(t)-LogTailBytes:]
	}
	c.tailing = false
	return string(t)
}

// close ends the reading, also while a stray process still holds a pipe open.
func (c *capture) close() {
	for _, s := range []*source{c.plain, c.framed} {
		if s != nil {
			s.r.Close()
		}
	}
}
