package runtime

import "sync"

// maxBufferedLogs is what a LogBuffer holds before those who print have to wait.
const maxBufferedLogs = 8 << 20

// LogBuffer takes log events at once and hands them on to a slower sink (one that
// makes them durable, say) from a goroutine of its own, several batches of a stream in one.
type LogBuffer struct {
	sink LogSink

	mu     sync.Mutex
	room   sync.Cond // there is room again, or nothing is left
	work   sync.Cond // there is something to hand on, or closed
	queue  []LogStream
	events map[LogStream][]LogEvent
	bytes  int
	busy   bool
	closed bool
	done   chan struct{}
}

// Buffered starts a buffer before sink. Close ends it.
func Buffered(sink LogSink) *LogBuffer {
	b := &LogBuffer{sink: sink, events: map[LogStream][]LogEvent{}, done: make(chan struct{})}
	b.room.L, b.work.L = &b.mu, &b.mu
	go b.run()
	return b
}

// Append implements LogSink. After Close events are dropped.
func (b *LogBuffer) Append(to LogStream, events []LogEvent) {
	n := 0
	for _, e := range events {
		n += len(e.Message)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.bytes > 0 && b.bytes+n > maxBufferedLogs && !b.closed {
		b.room.Wait()
	}
	if b.closed {
		return
	}
	if _, ok := b.events[to]; !ok {
		b.queue = append(b.queue, to)
	}
	b.events[to] = append(b.events[to], events...)
	b.bytes += n
	b.work.Signal()
}

// Flush returns once all that was appended before has been handed on.
func (b *LogBuffer) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.queue) > 0 || b.busy {
		b.room.Wait()
	}
}

// Close hands on what is left and ends the buffer.
func (b *LogBuffer) Close() {
	b.mu.Lock()
	b.closed = true
	b.work.Signal()
	b.mu.Unlock()
	<-b.done
}

func (b *LogBuffer) run() {
	defer close(b.done)
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.queue) == 0 {
			if b.closed {
				return
			}
			b.work.Wait()
		}
		to := b.queue[0]
		b.queue = b.queue[1:]
		events := b.events[to]
		delete(b.events, to)
		for _, e := range events {
			b.bytes -= len(e.Message)
		}
		b.busy = true
		b.mu.Unlock()
		b.sink.Append(to, events)
		b.mu.Lock()
		b.busy = false
		b.room.Broadcast()
	}
}
