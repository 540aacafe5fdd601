package s3

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Limits of event notifications.
const (
	// MaxNotifications bounds the targets of a bucket.
	MaxNotifications = 100
	// MaxEvents bounds the events that wait; writes to buckets with
	// notifications are answered SlowDown beyond it.
	MaxEvents = 100_000
	// eventWorkers is how many events are delivered at a time.
	eventWorkers = 16
	// eventRetry is the first wait after a failure; it doubles up to eventRetryMax.
	eventRetry    = time.Second
	eventRetryMax = 5 * time.Minute
)

// event is something that happened to an object; of completes it.
type event struct {
	name      string // without s3:
	id        string // of the request
	region    string
	principal string
	ip        string
	time      int64
	key       string
	size      int64
	etag      string
}

func (c *call) event(name string) event {
	r := aws.RequestFrom(c.ctx)
	return event{name: name, id: c.id, region: c.rec.Region, principal: r.Caller.UserID, ip: r.SourceIP, time: c.s.now()}
}

func (e event) of(key string, o objectRecord) event {
	e.key, e.size, e.etag = key, o.Size, o.ETag
	return e
}

type filterRule struct{ Name, Value string }

type target struct {
	ID     string       `xml:"Id"`
	Events []string     `xml:"Event"`
	Rules  []filterRule `xml:"Filter>S3Key>FilterRule"`
	Queue  string
	Topic  string
	Lambda string `xml:"CloudFunction"`
}

func (t target) arn() string { return t.Queue + t.Topic + t.Lambda }

type notificationConfig struct {
	XMLName xml.Name  `xml:"NotificationConfiguration"`
	Queues  []target  `xml:"QueueConfiguration"`
	Topics  []target  `xml:"TopicConfiguration"`
	Lambdas []target  `xml:"CloudFunctionConfiguration"`
	Bridge  *struct{} `xml:"EventBridgeConfiguration"`
}

func (n notificationConfig) all() []target { return slices.Concat(n.Queues, n.Topics, n.Lambdas) }

// knownEvents are those that a configuration may name. Of some nothing ever
// happens here: nothing is archived, replicated or locked.
var knownEvents = []string{
	"s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", "s3:ObjectCreated:CompleteMultipartUpload",
	"s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete", "s3:ObjectRemoved:DeleteMarkerCreated",
	"s3:LifecycleExpiration:*", "s3:LifecycleExpiration:Delete", "s3:LifecycleExpiration:DeleteMarkerCreated",
	"s3:ObjectTagging:*", "s3:ObjectTagging:Put", "s3:ObjectTagging:Delete",
}

// checkNotification reads a configuration, gives its targets names, and sends
// the queues and topics in it a test event.
func checkNotification(c *call, rec *bucketRecord, b []byte) (string, error) {
	s := c.s
	var in notificationConfig
	if err := parseXML(b, &in); err != nil {
		return "", err
	}
	if in.Bridge != nil {
		return "", errNotImplemented("EventBridge notifications")
	}
	if len(in.all()) > MaxNotifications {
		return "", errArgument("notification", "", "There are too many configurations")
	}
	for _, list := range [][]target{in.Queues, in.Topics, in.Lambdas} {
		for i := range list {
			if list[i].ID == "" {
				list[i].ID = newBlobID()
			}
			if err := s.checkTarget(list[i]); err != nil {
				return "", err
			}
		}
	}
	if err := checkOverlaps(in.all()); err != nil {
		return "", err
	}
	for _, t := range in.Lambdas {
		if err := s.mayInvoke(s.events.ctx, t.Lambda, rec.Name, rec.Owner, rec.Region); err != nil {
			return "", errArgument(t.Lambda, "Not authorized to invoke function ["+t.Lambda+"]", "Unable to validate the following destination configurations")
		}
	}
	for _, t := range slices.Concat(in.Queues, in.Topics) {
		if err := s.send(s.events.ctx, rec.Owner, rec.Region, t.arn(), testEvent(rec, s.now())); err != nil {
			return "", errArgument(t.arn(), err.Error(), "Unable to validate the following destination configurations")
		}
	}
	out, err := xml.Marshal(struct {
		notificationConfig
		XMLName xml.Name `xml:"NotificationConfiguration"`
		XMLNS   string   `xml:"xmlns,attr"`
	}{notificationConfig: in, XMLNS: namespace})
	return string(out), err
}

func (s *Service) checkTarget(t target) error {
	a, err := aws.ParseARN(t.arn())
	if err != nil {
		return errArgument("arn", t.arn(), "The ARN is not well formed")
	}
	if s.sender(a.Service) == nil {
		return errArgument(t.arn(), "", "Unable to validate the following destination configurations")
	}
	if len(t.Events) == 0 {
		return errMalformedXML()
	}
	for _, e := range t.Events {
		if !slices.Contains(knownEvents, e) {
			return errArgument("event", e, "The event '%s' is not supported for notifications", e)
		}
	}
	for _, r := range t.Rules {
		if n := strings.ToLower(r.Name); n != "prefix" && n != "suffix" {
			return errArgument("filter", r.Name, "filter rule name must be either prefix or suffix")
		}
	}
	return nil
}

// checkOverlaps refuses two targets that could both want the same event of one
// key: on AWS an event has at most one.
func checkOverlaps(list []target) error {
	for i, a := range list {
		for _, b := range list[:i] {
			if a.sharesEvent(b) && a.sharesKeys(b) {
				return errArgument("notification", "", "Configurations overlap. Configurations on the same bucket cannot share a common event type.")
			}
		}
	}
	return nil
}

func (t target) sharesEvent(o target) bool {
	return slices.ContainsFunc(t.Events, func(a string) bool {
		return slices.ContainsFunc(o.Events, func(b string) bool {
			return a == b || within(a, b) || within(b, a)
		})
	})
}

// within tells whether an event is one of those that a name with a star stands for.
func within(event, star string) bool {
	kind, ok := strings.CutSuffix(star, "*")
	return ok && strings.HasPrefix(event, kind)
}

// sharesKeys tells whether a key may have the prefixes and the suffixes of both.
func (t target) sharesKeys(o target) bool {
	ap, as := t.affixes()
	bp, bs := o.affixes()
	return (strings.HasPrefix(ap, bp) || strings.HasPrefix(bp, ap)) && (strings.HasSuffix(as, bs) || strings.HasSuffix(bs, as))
}

func (t target) affixes() (prefix, suffix string) {
	for _, r := range t.Rules {
		if strings.EqualFold(r.Name, "prefix") {
			prefix = r.Value
		} else {
			suffix = r.Value
		}
	}
	return prefix, suffix
}

func (t target) wants(name, key string) bool {
	for _, e := range t.Events {
		e = strings.TrimPrefix(e, "s3:")
		if e != name && (!strings.HasSuffix(e, "*") || !strings.HasPrefix(name, strings.TrimSuffix(e, "*"))) {
			continue
		}
		fits := true
		for _, r := range t.Rules {
			if strings.EqualFold(r.Name, "prefix") {
				fits = fits && strings.HasPrefix(key, r.Value)
			} else {
				fits = fits && strings.HasSuffix(key, r.Value)
			}
		}
		if fits {
			return true
		}
	}
	return false
}

func testEvent(rec *bucketRecord, now int64) []byte {
	b, _ := json.Marshal(struct { // texts always marshal
		Service, Event, Time, Bucket string
		RequestID                    string `json:"RequestId"`
		HostID                       string `json:"HostId"`
	}{"Amazon S3", "s3:TestEvent", stamp(now), rec.Name, newRequestID(), newRequestID()})
	return b
}

// payload is the event as its target receives it.
func (e event) payload(rec *bucketRecord, t target, seq uint64) ([]byte, error) {
	object := map[string]any{"key": strings.ReplaceAll(url.QueryEscape(e.key), "%2F", "/"), "sequencer": fmt.Sprintf("%016X", seq)}
	if strings.HasPrefix(e.name, "ObjectCreated") || strings.HasPrefix(e.name, "ObjectTagging") {
		object["size"], object["eTag"] = e.size, e.etag
	}
	return json.Marshal(map[string]any{"Records": []any{map[string]any{
		"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": e.region, "eventTime": stamp(e.time), "eventName": e.name,
		"userIdentity":      map[string]string{"principalId": e.principal},
		"requestParameters": map[string]string{"sourceIPAddress": e.ip},
		"responseElements":  map[string]string{"x-amz-request-id": e.id, "x-amz-id-2": e.id},
		"s3": map[string]any{
			"s3SchemaVersion": "1.0", "configurationId": t.ID, "object": object,
			"bucket": map[string]any{"name": rec.Name, "ownerIdentity": map[string]string{"principalId": rec.Owner}, "arn": "arn:aws:s3:::" + rec.Name},
		},
	}}})
}

// queuedEvent is an event for one target, as the store keeps it.
type queuedEvent struct {
	Seq     uint64 `json:"-"`
	ARN     string
	Owner   string
	Region  string
	Bucket  string
	Payload []byte
}

// notifier delivers events. Its mutex guards what it holds; it is not held
// while something is delivered.
type notifier struct {
	s     *Service
	mu    sync.Mutex
	wait  int // events that are not delivered
	seats chan struct{}
	ctx   context.Context
	stop  context.CancelFunc
	group sync.WaitGroup
	found []queuedEvent // at the start
}

func newNotifier(s *Service) *notifier {
	n := &notifier{s: s, seats: make(chan struct{}, eventWorkers)}
	n.ctx, n.stop = context.WithCancel(context.Background())
	return n
}

// load reads the events that an earlier life left.
func (n *notifier) load(r kv.Reader) error {
	prefix := kv.Key(kv.SpaceS3, "e")
	return r.Scan(kv.PrefixRange(prefix), func(key, b []byte) error {
		d := kv.DecodeKey(key, len(prefix))
		e := queuedEvent{Seq: d.Uint()}
		if d.Err() != nil {
			return fmt.Errorf("s3: malformed key: %w", kv.ErrCorrupt)
		}
		n.found = append(n.found, e)
		return decode(b, &n.found[len(n.found)-1])
	})
}

func (n *notifier) start() {
	found := n.found
	n.found = nil
	n.deliver(found)
}

func (n *notifier) close() error {
	n.mu.Lock()
	n.stop()
	n.mu.Unlock()
	n.group.Wait()
	return nil
}

// room refuses writes while too many events wait.
func (n *notifier) room() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.wait >= MaxEvents {
		return errCode(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	}
	return nil
}

// queue writes an event for each target that wants it into the transaction
// that makes it true.
func (n *notifier) queue(tx kv.Txn, rec *bucketRecord, e event) ([]queuedEvent, error) {
	text := rec.Config["notification"]
	if text == "" {
		return nil, nil
	}
	var cfg notificationConfig
	if err := parseXML([]byte(text), &cfg); err != nil {
		return nil, err
	}
	var out []queuedEvent
	for _, t := range cfg.all() {
		if !t.wants(e.name, e.key) {
			continue
		}
		seq, err := nextSeq(tx)
		if err != nil {
			return nil, err
		}
		payload, err := e.payload(rec, t, seq)
		if err != nil {
			return nil, err
		}
		q := queuedEvent{Seq: seq, ARN: t.arn(), Owner: rec.Owner, Region: rec.Region, Bucket: rec.Name, Payload: payload}
		if err := put(tx, keyEvent(seq), q); err != nil {
			return nil, err
		}
		out = append(out, q)
	}
	return out, nil
}

// nextSeq numbers events in the order of their transactions.
func nextSeq(tx kv.Txn) (uint64, error) {
	key := kv.Key(kv.SpaceS3, "s")
	b, ok, err := tx.Get(key)
	if err != nil {
		return 0, err
	}
	n := uint64(1)
	if ok {
		if len(b) != 9 || b[0] != formatV1 {
			return 0, fmt.Errorf("s3: malformed number: %w", kv.ErrCorrupt)
		}
		n = binary.BigEndian.Uint64(b[1:]) + 1
	}
	return n, tx.Set(key, binary.BigEndian.AppendUint64([]byte{formatV1}, n))
}

// deliver sets deliveries going; what the service's end interrupts is found
// again by the next.
func (n *notifier) deliver(events []queuedEvent) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return
	}
	for _, e := range events {
		n.wait++
		n.group.Add(1)
		go n.run(e)
	}
}

// run delivers one event, as often as it takes.
func (n *notifier) run(e queuedEvent) {
	defer n.group.Done()
	pause := eventRetry
	for {
		select {
		case n.seats <- struct{}{}:
		case <-n.ctx.Done():
			return
		}
		err := n.s.mayInvoke(n.ctx, e.ARN, e.Bucket, e.Owner, e.Region)
		if err == nil {
			err = n.s.send(n.ctx, e.Owner, e.Region, e.ARN, e.Payload)
		}
		if err == nil || isFinal(err) {
			if err != nil {
				n.s.log.Warn("an event could not be delivered and is dropped", "target", e.ARN, "error", err)
			}
			err = n.s.update(n.ctx, func(tx kv.Txn) error { return tx.Delete(keyEvent(e.Seq)) })
		}
		<-n.seats
		if n.ctx.Err() != nil {
			return
		}
		if err == nil {
			n.mu.Lock()
			n.wait--
			n.mu.Unlock()
			return
		}
		timer := n.s.clock.NewTimer(pause)
		select {
		case <-timer.C():
		case <-n.ctx.Done():
			timer.Stop()
			return
		}
		pause = min(2*pause, eventRetryMax)
	}
}

func isFinal(err error) bool {
	e, ok := aws.AsError(err)
	return ok && e.HTTPStatus() < 500 && e.HTTPStatus() != http.StatusTooManyRequests && e.Code != "OverLimit"
}

// sender is what delivers to a service's resources.
func (s *Service) sender(service string) func(context.Context, string, []byte) error {
	switch service {
	case "lambda":
		return s.opts.Invoke
	case "sqs":
		return s.opts.SendToQueue
	case "sns":
		return s.opts.Publish
	}
	return nil
}

// mayInvoke asks whether events of a bucket may go to a target; only functions are asked.
func (s *Service) mayInvoke(ctx context.Context, target, bucket, owner, region string) error {
	a, err := aws.ParseARN(target)
	if err != nil || a.Service != "lambda" || s.opts.MayInvoke == nil {
		return nil //nolint:nilerr // what is no ARN is refused where it is sent to
	}
	return s.opts.MayInvoke(aws.Internal(ctx, owner, region), target, "arn:"+aws.Partition(region)+":s3:::"+bucket, owner)
}

func (s *Service) send(ctx context.Context, owner, region, arn string, payload []byte) error {
	a, err := aws.ParseARN(arn)
	if err != nil {
		return aws.Errorf("InvalidArgument", "%s", err)
	}
	send := s.sender(a.Service)
	if send == nil {
		return aws.Errorf("InvalidArgument", "nothing delivers to %s", arn)
	}
	return send(aws.Internal(ctx, owner, region), arn, payload)
}
