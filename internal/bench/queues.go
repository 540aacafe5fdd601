package bench

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

var queueTasks = []task{
	{"queues", "SendMessage", (*run).sendMessage},
	{"queues", "ReceiveMessage and DeleteMessage", (*run).receiveDelete},
	{"queues", "Publish", (*run).publish},
	{"queues", "long poll wake", (*run).longPoll},
}

// messageRing is how many different messages a connection sends.
const messageRing = 64

func (r *run) makeQueue() (string, error) {
	var out struct{ QueueUrl string }
	err := r.call(sqsAPI, "CreateQueue", map[string]any{"QueueName": r.name("queue"), "Attributes": map[string]string{"VisibilityTimeout": "600"}}, &out)
	return out.QueueUrl, err
}

// message is the text of message i of worker w, beginning with its name.
func message(w, i int) string {
	name := fmt.Sprintf("%d/%d/", w, i)
	return name + text(w, i, 0, payloadBytes-len(name))
}

func messageName(body string) (w, i int, err error) {
	_, err = fmt.Sscanf(body[:min(len(body), 24)], "%d/%d/", &w, &i)
	return w, i, err
}

func (r *run) sendMessage(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("SendMessage, %d connections", r.size.Workers), Unit: "calls/s", goals: []goal{atLeast("ratio", 0.30, "")}}
	queue, err := r.makeQueue()
	if err != nil {
		return []Figure{f.failed(err)}
	}
	c, sums := make(calls, r.size.Workers), make([][]string, r.size.Workers)
	for w := range c {
		for i := range messageRing {
			m := message(w, i)
			sum := md5.Sum([]byte(m))
			sums[w] = append(sums[w], hex.EncodeToString(sum[:]))
			request, err := r.caller.json(sqsAPI, "SendMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"MessageBody":%q}`, queue, m))
			if err != nil {
				return []Figure{f.failed(err)}
			}
			c[w] = append(c[w], request)
		}
	}
	answer := len(fmt.Sprintf(`{"MD5OfMessageBody":"%s","MessageId":"%036d"}`, sums[0][0], 0))
	f, done, err := r.versus(ctx, f, 1, r.size.Workers, leatStep(c, func(w, i int, body []byte) error {
		if sum := between(body, `"MD5OfMessageBody":"`, `"`); sum != sums[w][i%messageRing] {
			return fmt.Errorf("another MD5 than the message's: %.200s", body)
		}
		return nil
	}), bareStep(c, answer))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	return []Figure{f.failed(r.verifyMessages(ctx, queue, done.next, func(body string) string { return body }))}
}

// received is a reply of ReceiveMessage.
type received struct {
	Messages []struct{ MessageId, ReceiptHandle, Body string }
}

// drainWorkers empty a queue, outside the clock.
const drainWorkers = 16

// emptyQueue takes everything out of a queue, and calls see (from one goroutine at a time) with each message.
func (r *run) emptyQueue(ctx context.Context, queue string, see func(body string) error) error {
	r.progress("reading back")
	var mu sync.Mutex
	errs := make([]error, drainWorkers)
	var wg sync.WaitGroup
	for w := range drainWorkers {
		wg.Go(func() {
			conn, err := Dial(ctx, r.leat.addr())
			if err != nil {
				errs[w] = err
				return
			}
			defer func() { _ = conn.Close() }()
			for more := true; more && errs[w] == nil; {
				more, errs[w] = r.takeTen(conn, queue, func(body string) error {
					mu.Lock()
					defer mu.Unlock()
					return see(body)
				})
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// takeTen receives up to ten messages and deletes them; more is false when there were none.
func (r *run) takeTen(conn *Conn, queue string, see func(string) error) (more bool, err error) {
	request, err := r.caller.json(sqsAPI, "ReceiveMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"MaxNumberOfMessages":10}`, queue))
	if err != nil {
		return false, err
	}
	reply, err := conn.Do(request)
	if err != nil {
		return false, err
	}
	var got received
	if err := json.Unmarshal(reply.Body, &got); err != nil || reply.Status != 200 {
		return false, refused("ReceiveMessage", reply)
	}
	if len(got.Messages) == 0 {
		return false, nil
	}
	var entries []map[string]string
	for i, m := range got.Messages {
		if err := see(m.Body); err != nil {
			return false, err
		}
		entries = append(entries, map[string]string{"Id": itoa(i), "ReceiptHandle": m.ReceiptHandle})
	}
	body, err := json.Marshal(map[string]any{"QueueUrl": queue, "Entries": entries})
	if err != nil {
		return false, err
	}
	if request, err = r.caller.json(sqsAPI, "DeleteMessageBatch", body); err != nil {
		return false, err
	}
	if reply, err = conn.Do(request); err == nil && (reply.Status != 200 || bytes.Contains(reply.Body, []byte(`"SenderFault"`))) {
		err = refused("DeleteMessageBatch", reply)
	}
	return true, err
}

// verifyMessages empties a queue and checks that each acknowledged message came once.
func (r *run) verifyMessages(ctx context.Context, queue string, done []int, unwrap func(string) string) error {
	got := make([][]int, len(done))
	for w := range got {
		got[w] = make([]int, messageRing)
	}
	err := r.emptyQueue(ctx, queue, func(body string) error {
		m := unwrap(body)
		w, i, err := messageName(m)
		if err != nil || w >= len(got) || i >= messageRing || m != message(w, i) {
			return fmt.Errorf("a message that nobody sent: %.100q", body)
		}
		got[w][i]++
		return nil
	})
	if err != nil {
		return err
	}
	for w, n := range done {
		for i, k := range got[w] {
			want := n / messageRing
			if i < n%messageRing {
				want++
			}
			if k != want {
				return fmt.Errorf("message %d of connection %d was sent %d times and came %d times", i, w, want, k)
			}
		}
	}
	return nil
}

// stock is how many messages wait for each second of receiving. It is more than can be
// received: a queue that runs empty fails the figure.
const stock = 24_000

// fillQueue sends n different messages.
func (r *run) fillQueue(queue string, n int) error {
	for at := 0; at < n; at += 10 {
		var entries []map[string]string
		for i := at; i < min(n, at+10); i++ {
			entries = append(entries, map[string]string{"Id": itoa(i), "MessageBody": message(0, i)})
		}
		var out struct{ Failed []any }
		err := r.call(sqsAPI, "SendMessageBatch", map[string]any{"QueueUrl": queue, "Entries": entries}, &out)
		if err == nil && len(out.Failed) > 0 {
			err = fmt.Errorf("SendMessageBatch: %v", out.Failed)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// receiveDelete measures pairs of calls. The second cannot be signed in advance, because its receipt handle
// comes with the first; the bare server gets pairs that are signed in the same way.
func (r *run) receiveDelete(ctx context.Context) []Figure {
	f := Figure{Name: fmt.Sprintf("ReceiveMessage + DeleteMessage, %d connections", r.size.Workers), Unit: "pairs/s", goals: []goal{atLeast("ratio", 0.30, "")}}
	queue, err := r.makeQueue()
	if err != nil {
		return []Figure{f.failed(err)}
	}
	n := int(r.opts.Duration.Seconds()*stock) + 10*r.size.Workers
	if err := r.fillQueue(queue, n); err != nil {
		return []Figure{f.failed(err)}
	}
	request, err := r.caller.json(sqsAPI, "ReceiveMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"MaxNumberOfMessages":1}`, queue))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	first, err := r.control.Do(request)
	if err != nil {
		return []Figure{f.failed(err)}
	}
	size, sample := len(first.Body), bytes.Clone(first.Body)
	taken := make([][]string, r.size.Workers+1)
	var mine received
	if err := json.Unmarshal(sample, &mine); err != nil || len(mine.Messages) != 1 {
		return []Figure{f.failed(refused("ReceiveMessage", first))}
	}
	taken[r.size.Workers] = []string{mine.Messages[0].Body}
	f, _, err = r.versus(ctx, f, 1, r.size.Workers, func(c *Conn, w, _ int) error {
		body, err := r.receiveOne(c, queue, request)
		taken[w] = append(taken[w], body)
		return err
	}, r.barePair(queue, bareOf(request, size), size, mine.Messages[0].ReceiptHandle))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	seen := map[string]bool{}
	once := func(body string) error {
		if seen[body] {
			return fmt.Errorf("a message came twice: %.30q", body)
		}
		seen[body] = true
		return nil
	}
	for _, bodies := range taken {
		for _, body := range bodies {
			if err := once(body); err != nil {
				return []Figure{f.failed(err)}
			}
		}
	}
	if err := r.emptyQueue(ctx, queue, once); err != nil {
		return []Figure{f.failed(err)}
	}
	for i := range n {
		if !seen[message(0, i)] {
			return []Figure{f.failed(fmt.Errorf("message %d never came", i))}
		}
	}
	return []Figure{f}
}

func (r *run) deleteRequest(queue, handle string) ([]byte, error) {
	return r.caller.json(sqsAPI, "DeleteMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"ReceiptHandle":%q}`, queue, handle))
}

func (r *run) receiveOne(c *Conn, queue string, request []byte) (body string, err error) {
	reply, err := c.Do(request)
	if err != nil {
		return "", err
	}
	var got received
	if err := json.Unmarshal(reply.Body, &got); err != nil || reply.Status != 200 {
		return "", refused("ReceiveMessage", reply)
	}
	if len(got.Messages) != 1 {
		return "", errors.New("the queue ran empty: more was received than expected")
	}
	if request, err = r.deleteRequest(queue, got.Messages[0].ReceiptHandle); err != nil {
		return "", err
	}
	if reply, err = c.Do(request); err == nil && reply.Status != 200 {
		err = refused("DeleteMessage", reply)
	}
	return got.Messages[0].Body, err
}

func (r *run) barePair(queue string, receive []byte, size int, handle string) step {
	return func(c *Conn, _, _ int) error {
		if err := bareCall(c, receive, size); err != nil {
			return err
		}
		request, err := r.deleteRequest(queue, handle)
		if err != nil {
			return err
		}
		return bareCall(c, bareOf(request, len("{}")), len("{}"))
	}
}

// queryRequest is a signed request of the query protocol, which SNS and IAM speak.
func (r *run) queryRequest(service, version string, values url.Values) ([]byte, error) {
	values.Set("Version", version)
	return r.caller.request(http.MethodPost, service, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte(values.Encode()))
}

// query makes such a call outside the clock.
func (r *run) query(service, version string, values url.Values) ([]byte, error) {
	request, err := r.queryRequest(service, version, values)
	if err != nil {
		return nil, err
	}
	reply, err := r.control.Do(request)
	if err == nil && reply.Status != 200 {
		err = refused(values.Get("Action"), reply)
	}
	return reply.Body, err
}

// snsVersion is the version of SNS's API.
const snsVersion = "2010-03-31"

// topicToQueue makes a topic with one queue that gets all of it.
func (r *run) topicToQueue(raw bool) (topic, queue string, err error) {
	if queue, err = r.makeQueue(); err != nil {
		return "", "", err
	}
	var a struct{ Attributes map[string]string }
	err = r.call(sqsAPI, "GetQueueAttributes", map[string]any{"QueueUrl": queue, "AttributeNames": []string{"QueueArn"}}, &a)
	if err != nil {
		return "", "", err
	}
	body, err := r.query("sns", snsVersion, url.Values{"Action": {"CreateTopic"}, "Name": {r.name("topic")}})
	if err != nil {
		return "", "", err
	}
	topic, arn := between(body, "<TopicArn>", "</TopicArn>"), a.Attributes["QueueArn"]
	policy := fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sns.amazonaws.com"},"Action":"sqs:SendMessage",`+
		`"Resource":%q,"Condition":{"ArnEquals":{"aws:SourceArn":%q}}}]}`, arn, topic)
	if err := r.call(sqsAPI, "SetQueueAttributes", map[string]any{"QueueUrl": queue, "Attributes": map[string]string{"Policy": policy}}, nil); err != nil {
		return "", "", err
	}
	subscribe := url.Values{"Action": {"Subscribe"}, "TopicArn": {topic}, "Protocol": {"sqs"}, "Endpoint": {arn}}
	if raw {
		subscribe.Set("Attributes.entry.1.key", "RawMessageDelivery")
		subscribe.Set("Attributes.entry.1.value", "true")
	}
	_, err = r.query("sns", snsVersion, subscribe)
	return topic, queue, err
}

// publish measures both forms of delivery: the signed envelope, whose RSA signature costs more than
// the rest of the way, and the raw message.
func (r *run) publish(ctx context.Context) []Figure {
	goals := []goal{atLeast("ratio", 0.30, "")}
	enveloped := Figure{Name: fmt.Sprintf("Publish to one queue, %d connections", r.size.Workers), Unit: "calls/s", goals: goals}
	raw := Figure{Name: fmt.Sprintf("Publish to one queue, raw, %d connections", r.size.Workers), Unit: "calls/s", goals: goals}
	return []Figure{
		r.publishTo(ctx, enveloped, false, func(body string) string {
			var n struct{ Message string }
			_ = json.Unmarshal([]byte(body), &n) // what cannot be read is then not a message that was sent
			return n.Message
		}),
		r.publishTo(ctx, raw, true, func(body string) string { return body }),
	}
}

func (r *run) publishTo(ctx context.Context, f Figure, raw bool, unwrap func(string) string) Figure {
	topic, queue, err := r.topicToQueue(raw)
	if err != nil {
		return f.failed(err)
	}
	c := make(calls, r.size.Workers)
	for w := range c {
		for i := range messageRing {
			request, err := r.queryRequest("sns", snsVersion, url.Values{"Action": {"Publish"}, "TopicArn": {topic}, "Message": {message(w, i)}})
			if err != nil {
				return f.failed(err)
			}
			c[w] = append(c[w], request)
		}
	}
	const answer = 294 // a PublishResponse
	f, done, err := r.versus(ctx, f, 1, r.size.Workers, leatStep(c, func(_, _ int, body []byte) error {
		if between(body, "<MessageId>", "</MessageId>") == "" {
			return fmt.Errorf("no message id: %.300s", body)
		}
		return nil
	}), bareStep(c, answer))
	if err != nil {
		return f.failed(err)
	}
	if err := r.awaitDelivery(ctx, queue, done.calls()); err != nil {
		return f.failed(err)
	}
	return f.failed(r.verifyMessages(ctx, queue, done.next, unwrap))
}

// awaitDelivery waits until a queue has n messages: a topic delivers behind its reply. The publishers
// may be far ahead of the signatures, so that only a delivery that stands still has failed.
func (r *run) awaitDelivery(ctx context.Context, queue string, n int) error {
	for had, have := 0, 0; have != n; had = have {
		err := await(ctx, "delivery to "+queue, func() (bool, error) {
			var a struct{ Attributes map[string]string }
			err := r.call(sqsAPI, "GetQueueAttributes", map[string]any{"QueueUrl": queue, "AttributeNames": []string{"ApproximateNumberOfMessages"}}, &a)
			have, _ = strconv.Atoi(a.Attributes["ApproximateNumberOfMessages"])
			return have == n || have > had, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// longPoll measures the way of a message to a receiver that waits.
func (r *run) longPoll(ctx context.Context) []Figure {
	f := Figure{Name: "SendMessage to a waiting ReceiveMessage", goals: []goal{atMost("p50", 1, "ms")}}
	queue, err := r.makeQueue()
	if err != nil {
		return []Figure{f.failed(err)}
	}
	conn, err := Dial(ctx, r.leat.addr())
	if err != nil {
		return []Figure{f.failed(err)}
	}
	defer func() { _ = conn.Close() }()
	receive, err := r.caller.json(sqsAPI, "ReceiveMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"WaitTimeSeconds":20}`, queue))
	if err != nil {
		return []Figure{f.failed(err)}
	}
	var took []time.Duration
	for i := range r.size.Pings {
		d, err := r.ping(conn, queue, receive, message(0, i))
		if err != nil {
			return []Figure{f.failed(err)}
		}
		took = append(took, d)
	}
	f.Calls = len(took)
	f.P50, f.P99 = percentiles(took)
	return []Figure{f}
}

// ping sends body while conn waits for it.
func (r *run) ping(conn *Conn, queue string, receive []byte, body string) (time.Duration, error) {
	send, err := r.caller.json(sqsAPI, "SendMessage", fmt.Appendf(nil, `{"QueueUrl":%q,"MessageBody":%q}`, queue, body))
	if err != nil {
		return 0, err
	}
	type arrival struct {
		at   time.Time
		body string
		err  error
	}
	arrived := make(chan arrival, 1)
	go func() {
		reply, err := conn.Do(receive)
		at := time.Now()
		var got received
		if err == nil && (json.Unmarshal(reply.Body, &got) != nil || len(got.Messages) != 1) {
			err = refused("ReceiveMessage", reply)
		}
		a := arrival{at: at, err: err}
		if err == nil {
			a.body = got.Messages[0].Body
		}
		arrived <- a
	}()
	time.Sleep(pace) // the receiver is waiting by now; if it is not, the figure is worse, not better
	sent := time.Now()
	reply, err := r.control.Do(send)
	if err == nil && reply.Status != 200 {
		err = refused("SendMessage", reply)
	}
	if err != nil {
		_ = conn.Close() // so that the receiver comes back
	}
	a := <-arrived
	if err = errors.Join(err, a.err); err == nil && a.body != body {
		err = errors.New("another message came than was sent")
	}
	return a.at.Sub(sent), err
}
