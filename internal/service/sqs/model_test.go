package sqs_test

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"pgregory.net/rapid"

	"github.com/leatdev/leat/internal/service/sqs"
)

// modelMessage is what the reference model knows of a message.
type modelMessage struct {
	body     string
	group    string
	sent     time.Time
	visible  time.Time
	receives int
	handle   string // of the latest receipt
}

// model is a queue as AWS documents it, without an index and without a store.
type model struct {
	fifo       bool
	now        time.Time
	visibility time.Duration
	max        int
	live       []*modelMessage // in the order of sending
	dead       []string        // bodies in the dead-letter queue, in the order of moving
	dedups     map[string]time.Time
}

// receive predicts which messages a receipt of n may give, and moves what was
// received too often.
func (m *model) receive(n int) []*modelMessage {
	var out []*modelMessage
	for {
		chosen := m.choose(n)
		var kept []*modelMessage
		for _, c := range chosen {
			if c.receives >= m.max {
				m.dead = append(m.dead, c.body)
				m.live = slices.DeleteFunc(m.live, func(x *modelMessage) bool { return x == c })
				continue
			}
			kept = append(kept, c)
		}
		if len(chosen) == 0 || len(kept) > 0 {
			out = kept
			break
		}
	}
	for _, c := range out {
		c.receives++
		c.visible = m.now.Add(m.visibility)
	}
	return out
}

// choose picks, in a standard queue, the oldest visible; in a FIFO queue whole
// runs of a group, groups by their oldest message, none that has a message out.
func (m *model) choose(n int) []*modelMessage {
	visible := func(x *modelMessage) bool { return !x.visible.After(m.now) }
	var out []*modelMessage
	if !m.fifo {
		for _, x := range m.live {
			if visible(x) && len(out) < n {
				out = append(out, x)
			}
		}
		return out
	}
	locked := map[string]bool{}
	for _, x := range m.live {
		locked[x.group] = locked[x.group] || !visible(x)
	}
	done := map[string]bool{}
	for _, head := range m.live {
		if locked[head.group] || done[head.group] {
			continue
		}
		done[head.group] = true
		for _, x := range m.live {
			if x.group == head.group && len(out) < n {
				out = append(out, x)
			}
		}
	}
	return out
}

// TestAgainstTheReferenceModel plays random histories, with restarts and power
// cuts, against the model: the same messages must come, in the same order.
func TestAgainstTheReferenceModel(t *testing.T) {
	t.Parallel()
	for _, fifo := range []bool{false, true} {
		t.Run(fmt.Sprint("fifo ", fifo), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(r *rapid.T) { playHistory(t, r, fifo) })
		})
	}
}

func playHistory(t *testing.T, r *rapid.T, fifo bool) {
	w := newWorld(t)
	defer w.close()
	suffix := ""
	if fifo {
		suffix = ".fifo"
	}
	dlq := w.create("dead"+suffix, nil)
	m := &model{fifo: fifo, now: w.clock.Now(), visibility: time.Duration(rapid.IntRange(0, 5).Draw(r, "visibility")) * time.Second, max: rapid.IntRange(1, 4).Draw(r, "max"), dedups: map[string]time.Time{}}
	q := w.create("q"+suffix, map[string]string{"VisibilityTimeout": fmt.Sprint(int(m.visibility.Seconds())), "RedrivePolicy": redrive(w.attribute(dlq, "QueueArn"), m.max)})
	sent := 0
	steps := rapid.SliceOfN(rapid.IntRange(0, 99), 1, 60).Draw(r, "steps")
	for _, step := range steps {
		switch {
		case step < 35:
			sent++
			m.send(r, w, q, sent)
		case step < 65:
			m.compareReceive(r, w, q)
		case step < 80:
			m.deleteOne(r, w, q)
		case step < 87:
			m.changeOne(r, w, q)
		case step < 95:
			d := time.Duration(rapid.IntRange(0, 3000).Draw(r, "ms")) * time.Millisecond
			w.clock.Advance(d)
			m.now = w.clock.Now()
		case step < 98:
			w.restart()
		default:
			w.powerCut(uint64(step))
		}
	}
	m.compareDead(r, w, dlq)
}

func (m *model) send(r *rapid.T, w *world, q string, n int) {
	body := fmt.Sprint("m", n)
	if !m.fifo {
		w.send(q, body)
		m.live = append(m.live, &modelMessage{body: body, sent: m.now, visible: m.now})
		return
	}
	group, dedup := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "group"), fmt.Sprint("d", rapid.IntRange(0, 30).Draw(r, "dedup"))
	w.sendFIFO(q, body, group, dedup)
	if end, ok := m.dedups[dedup]; ok && m.now.Before(end) {
		return
	}
	m.dedups[dedup] = m.now.Add(sqs.DedupWindow)
	m.live = append(m.live, &modelMessage{body: body, group: group, sent: m.now, visible: m.now})
}

func (m *model) compareReceive(r *rapid.T, w *world, q string) {
	n := rapid.IntRange(1, 10).Draw(r, "n")
	want := m.receive(n)
	got := w.receive(q, func(in *sqs.ReceiveMessageInput) { in.MaxNumberOfMessages = aws.Int32(int32(n)) })
	var wanted []string
	for _, x := range want {
		wanted = append(wanted, x.body)
	}
	if bodies(got) != strings.Join(wanted, " ") {
		r.Fatalf("received %q, the model %q", bodies(got), wanted)
	}
	for i, x := range want {
		if got[i].Attributes["ApproximateReceiveCount"] != fmt.Sprint(x.receives) {
			r.Fatalf("%s was received %s times, the model says %d", x.body, got[i].Attributes["ApproximateReceiveCount"], x.receives)
		}
		x.handle = *got[i].ReceiptHandle
	}
}

// pick is a message that has a receipt.
func (m *model) pick(r *rapid.T) *modelMessage {
	var with []*modelMessage
	for _, x := range m.live {
		if x.handle != "" {
			with = append(with, x)
		}
	}
	if len(with) == 0 {
		return nil
	}
	return rapid.SampledFrom(with).Draw(r, "message")
}

func (m *model) deleteOne(r *rapid.T, w *world, q string) {
	x := m.pick(r)
	if x == nil {
		return
	}
	_, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: &x.handle})
	expired := !x.visible.After(m.now)
	if m.fifo && expired {
		wantError(w.t, err, "InvalidParameterValue", "The receipt handle has expired.")
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	m.live = slices.DeleteFunc(m.live, func(y *modelMessage) bool { return x == y })
}

func (m *model) changeOne(r *rapid.T, w *world, q string) {
	x := m.pick(r)
	if x == nil {
		return
	}
	seconds := int32(rapid.IntRange(0, 5).Draw(r, "seconds"))
	_, err := w.s.ChangeMessageVisibility(ctx(), &sqs.ChangeMessageVisibilityInput{QueueUrl: &q, ReceiptHandle: &x.handle, VisibilityTimeout: &seconds})
	if !x.visible.After(m.now) {
		wantError(w.t, err, "InvalidParameterValue", "not available for visibility timeout change")
		return
	}
	if err != nil {
		r.Fatal(err)
	}
	x.visible = m.now.Add(time.Duration(seconds) * time.Second)
}

func (m *model) compareDead(r *rapid.T, w *world, dlq string) {
	var got []string
	for {
		list := w.receive(dlq)
		if len(list) == 0 {
			break
		}
		for _, x := range list {
			got = append(got, *x.Body)
			w.delete(dlq, x)
		}
	}
	want := slices.Clone(m.dead)
	sort.Strings(got)
	sort.Strings(want)
	if !slices.Equal(got, want) {
		r.Fatalf("the dead-letter queue holds %q, the model %q", got, want)
	}
}

func FuzzReceiptHandles(f *testing.F) {
	w := newWorld(f)
	q := w.create("orders", nil)
	w.send(q, "x")
	good := *w.receive(q)[0].ReceiptHandle
	f.Add(good)
	f.Add("")
	f.Add("AQAAAA==")
	f.Add(strings.Repeat("A", 60))
	f.Add(strings.ToLower(good))
	f.Fuzz(func(t *testing.T, handle string) {
		if handle == good {
			return
		}
		_, err := w.s.DeleteMessage(ctx(), &sdk.DeleteMessageInput{QueueUrl: &q, ReceiptHandle: &handle})
		if handle == "" {
			wantError(t, err, "MissingParameter", "")
			return
		}
		if err == nil {
			t.Fatalf("%q deleted something", handle)
		}
		wantError(t, err, "ReceiptHandleIsInvalid", "")
	})
}
