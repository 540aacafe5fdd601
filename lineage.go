package leat

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	snssdk "github.com/aws/aws-sdk-go-v2/service/sns"
	sqssdk "github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/service/dynamodb"
	"github.com/leatdev/leat/internal/service/dynamodb/expr/attr"
	"github.com/leatdev/leat/internal/service/eventsource"
	"github.com/leatdev/leat/internal/service/iam"
	"github.com/leatdev/leat/internal/service/lambda"
	"github.com/leatdev/leat/internal/service/lambda/runtime"
	"github.com/leatdev/leat/internal/service/sqs"
	"github.com/leatdev/leat/internal/trace"
	"github.com/leatdev/leat/internal/wire"
)

// lineage follows causes: an instance has an access key of its own and handles one
// invocation at a time, so whatever is signed with that key was caused by that invocation.
type lineage struct {
	log    *trace.Log
	tables *dynamodb.Service
	now    func() time.Time

	mu sync.RWMutex
	// changed remembers which item a change record of a table is about: the mapping
	// that hands it to a function knows its sequence number only. recent bounds it.
	changed map[string]string
	recent  []string
	at      int
	// handling is what each instance's key speaks for. An entry stays when the invocation
	// ends: a call's reply may still be on its way to us. The next invocation replaces it.
	handling map[string]trace.Ref
	// keys are those of tables, by account, region and name as calls write it.
	keys map[string]keyed
}

// Begin implements runtime.Observer.
func (l *lineage) Begin(accessKeyID string, inv *runtime.Invocation) {
	ref := trace.Ref{Kind: trace.Invocation, Name: plainFunction(inv.FunctionARN), ID: inv.RequestID}
	l.mu.Lock()
	l.handling[accessKeyID] = ref
	l.mu.Unlock()
	if cause, ok := publication(inv); ok {
		l.log.Add(trace.Hop{Time: l.now(), Operation: "Invoke", Causes: []trace.Group{trace.Of(cause)}, Effects: []trace.Group{trace.Of(ref)}})
	}
}

// topicEvent is how the event of a topic's message begins.
var topicEvent = []byte(`{"Records":[{"EventSource":"aws:sns"`)

// publication is the message that a topic invoked a function with. Such events wait on disk, so that
// what caused them must come from themselves. One that a caller wrote itself is told apart only
// when the caller waits for the reply: who is behind an asynchronous event is not kept.
func publication(inv *runtime.Invocation) (trace.Ref, bool) {
	if inv.Caller != "" || !bytes.HasPrefix(inv.Payload, topicEvent) {
		return trace.Ref{}, false
	}
	var e struct {
		Records []struct {
			Sns struct {
				MessageID string `json:"MessageId"`
				TopicArn  string
			}
		}
	}
	if err := json.Unmarshal(inv.Payload, &e); err != nil || len(e.Records) != 1 {
		return trace.Ref{}, false
	}
	n := e.Records[0].Sns
	return trace.Ref{Kind: trace.Publication, Name: n.TopicArn, ID: n.MessageID}, true
}

// requested notes that a request at the gateway caused an invocation. The event names the request.
func (l *lineage) requested(began time.Time, functionARN string, payload []byte, out *lambda.Outcome) {
	var e struct {
		RequestContext struct {
			APIID     string `json:"apiId"`
			RequestID string `json:"requestId"`
		} `json:"requestContext"`
	}
	if err := json.Unmarshal(payload, &e); err != nil || e.RequestContext.RequestID == "" {
		return // an authorizer's event names none
	}
	l.log.Add(trace.Hop{
		Time: began, Operation: "Invoke", Error: out.FunctionError,
		Causes:  []trace.Group{trace.Of(trace.Ref{Kind: trace.Request, Name: e.RequestContext.APIID, ID: e.RequestContext.RequestID})},
		Effects: []trace.Group{trace.Of(trace.Ref{Kind: trace.Invocation, Name: plainFunction(functionARN), ID: out.RequestID})},
	})
}

// End implements runtime.Observer.
func (l *lineage) End(string, *runtime.Invocation) {}

// maxChanged bounds the remembered change records. What is older has been handed over, or its
// hop names the record without the item.
const maxChanged = 50_000

// change notes which item a change record is about.
func (l *lineage) change(stream, sequence string, keys []byte) {
	arn, _, _ := strings.Cut(stream, "/stream/")
	key := stream + "\x00" + sequence
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.changed[key]; known {
		return
	}
	l.changed[key] = arn + "\x00" + arn[strings.LastIndexByte(arn, '/')+1:] + "/" + string(keys)
	if len(l.recent) < maxChanged {
		l.recent = append(l.recent, key)
		return
	}
	delete(l.changed, l.recent[l.at])
	l.recent[l.at] = key
	l.at = (l.at + 1) % maxChanged
}

// itemsOf are the items that change records are about.
func (l *lineage) itemsOf(c eventsource.Cause) []trace.Group {
	if !strings.Contains(c.SourceARN, ":dynamodb:") {
		return nil
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	group := trace.Group{Kind: trace.Item}
	for _, seq := range c.Sequences {
		if arn, id, ok := strings.Cut(l.changed[c.SourceARN+"\x00"+seq], "\x00"); ok {
			group.Name = arn
			group.IDs = append(group.IDs, id)
		}
	}
	if len(group.IDs) == 0 {
		return nil
	}
	return []trace.Group{group}
}

// forget drops an instance that is gone.
func (l *lineage) forget(accessKeyID string) {
	l.mu.Lock()
	delete(l.handling, accessKeyID)
	l.mu.Unlock()
}

// plainFunction is a function's ARN without version or alias.
func plainFunction(arn string) string {
	parts := strings.Split(arn, ":")
	const unqualified = 7
	return strings.Join(parts[:min(len(parts), unqualified)], ":")
}

// invoked notes that records or messages caused an invocation.
func (l *lineage) invoked(began time.Time, c eventsource.Cause, functionARN string, out *lambda.Outcome) {
	kind := trace.Record
	if strings.Contains(c.SourceARN, ":sqs:") {
		kind = trace.Message
	}
	hop := trace.Hop{
		Time: began, Operation: "Invoke",
		Causes:  append([]trace.Group{{Kind: kind, Name: c.SourceARN, Shard: c.Shard, IDs: c.Sequences}}, l.itemsOf(c)...),
		Effects: []trace.Group{trace.Of(trace.Ref{Kind: trace.Invocation, Name: plainFunction(functionARN), ID: out.RequestID})},
	}
	if out.FunctionError != "" {
		hop.Error = out.FunctionError
	}
	l.log.Add(hop)
}

// observe notes what a function's call did.
func (l *lineage) observe(ctx context.Context, c wire.Call) {
	l.tablesChanged(c)
	req := aws.RequestFrom(ctx)
	if req.Caller.RoleARN == "" {
		return
	}
	l.mu.RLock()
	cause, ok := l.handling[req.Caller.AccessKeyID]
	l.mu.RUnlock()
	if !ok {
		return
	}
	asks, ok := req.Asked.([]iam.Access)
	if !ok {
		asks = iam.Asks(ctx, c.Service, c.Operation, c.In)
	}
	for _, ask := range asks {
		if err := l.log.Used(ctx, cause.Name, ask.Action, ask.Resource); err != nil {
			return // the store has failed and says so elsewhere
		}
	}
	hop := trace.Hop{Time: l.now(), Operation: c.Operation, Causes: []trace.Group{trace.Of(cause)}}
	if c.Err != nil {
		hop.Error = "InternalFailure"
		if e, ok := aws.AsError(c.Err); ok {
			hop.Error = e.Code
		}
	} else {
		hop.Effects = l.effects(ctx, c)
	}
	if len(hop.Effects) > 0 || (hop.Error != "" && c.Service != "logs") {
		l.log.Add(hop)
	}
}

// effects are the things that a call made or changed.
func (l *lineage) effects(ctx context.Context, c wire.Call) []trace.Group {
	req := aws.RequestFrom(ctx)
	stream := func(arn, name *string) string {
		if arn != nil {
			return *arn
		}
		return req.ARN("kinesis", "stream/"+awssdk.ToString(name)).String()
	}
	switch in := c.In.(type) {
	case *kinesissdk.PutRecordInput:
		out, _ := c.Out.(*kinesissdk.PutRecordOutput)
		if out != nil {
			return []trace.Group{trace.Of(trace.Ref{Kind: trace.Record, Name: stream(in.StreamARN, in.StreamName), Shard: awssdk.ToString(out.ShardId), ID: awssdk.ToString(out.SequenceNumber)})}
		}
	case *kinesissdk.PutRecordsInput:
		out, _ := c.Out.(*kinesissdk.PutRecordsOutput)
		return putRecords(stream(in.StreamARN, in.StreamName), out)
	case *snssdk.PublishInput:
		if out, _ := c.Out.(*snssdk.PublishOutput); out != nil {
			return []trace.Group{trace.Of(trace.Ref{Kind: trace.Publication, Name: awssdk.ToString(in.TopicArn), ID: awssdk.ToString(out.MessageId)})}
		}
	case *sqs.SendMessageInput:
		if out, _ := c.Out.(*sqssdk.SendMessageOutput); out != nil {
			url := awssdk.ToString(in.QueueUrl)
			return []trace.Group{trace.Of(trace.Ref{Kind: trace.Message, Name: req.ARN("sqs", url[strings.LastIndexByte(url, '/')+1:]).String(), ID: awssdk.ToString(out.MessageId)})}
		}
	}
	return l.items(ctx, c.In)
}

func putRecords(stream string, out *kinesissdk.PutRecordsOutput) []trace.Group {
	if out == nil {
		return nil
	}
	var groups []trace.Group
	at := map[string]int{}
	for _, r := range out.Records {
		if r.SequenceNumber == nil {
			continue
		}
		shard := awssdk.ToString(r.ShardId)
		i, ok := at[shard]
		if !ok {
			i = len(groups)
			at[shard] = i
			groups = append(groups, trace.Group{Kind: trace.Record, Name: stream, Shard: shard})
		}
		groups[i].IDs = append(groups[i].IDs, *r.SequenceNumber)
	}
	return groups
}

// keyed is how a table's items are told apart.
type keyed struct {
	arn   string
	names []string
}

// maxKeyed bounds the remembered tables.
const maxKeyed = 1000

// tableKey gives the key of a table that a call named. It is asked for every item that a function
// writes, so it is remembered until any table is made or deleted.
func (l *lineage) tableKey(ctx context.Context, table string) (k keyed, ok bool) {
	req := aws.RequestFrom(ctx)
	at := req.Account() + "/" + req.Region + "/" + table
	l.mu.RLock()
	k, ok = l.keys[at]
	l.mu.RUnlock()
	if ok {
		return k, true
	}
	if k.arn, k.names, ok = l.tables.KeyNames(ctx, table); !ok {
		return k, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil || len(l.keys) >= maxKeyed {
		l.keys = map[string]keyed{}
	}
	l.keys[at] = k
	return k, true
}

// tablesChanged forgets the keys of tables when one may have another by now.
func (l *lineage) tablesChanged(c wire.Call) {
	switch c.Operation {
	case "CreateTable", "DeleteTable":
		l.mu.Lock()
		clear(l.keys)
		l.mu.Unlock()
	}
}

// items are the items that a call of DynamoDB wrote.
func (l *lineage) items(ctx context.Context, in any) []trace.Group {
	var groups []trace.Group
	add := func(table string, item attr.Item) {
		k, ok := l.tableKey(ctx, table)
		if !ok {
			return
		}
		key := item.Pick(k.names...)
		if len(key) != len(k.names) {
			return // refused: it lacks its key
		}
		id := string(key.AppendJSON([]byte(table[strings.LastIndexByte(table, '/')+1:] + "/")))
		if n := len(groups); n > 0 && groups[n-1].Name == k.arn {
			groups[n-1].IDs = append(groups[n-1].IDs, id)
			return
		}
		groups = append(groups, trace.Group{Kind: trace.Item, Name: k.arn, IDs: []string{id}})
	}
	switch in := in.(type) {
	case *dynamodb.PutItemInput:
		add(awssdk.ToString(in.TableName), in.Item)
	case *dynamodb.UpdateItemInput:
		add(awssdk.ToString(in.TableName), in.Key)
	case *dynamodb.DeleteItemInput:
		add(awssdk.ToString(in.TableName), in.Key)
	case *dynamodb.BatchWriteItemInput:
		for table, requests := range in.RequestItems {
			for _, r := range requests {
				if r.PutRequest != nil {
					add(table, r.PutRequest.Item)
				} else if r.DeleteRequest != nil {
					add(table, r.DeleteRequest.Key)
				}
			}
		}
	case *dynamodb.TransactWriteItemsInput:
		for _, t := range in.TransactItems {
			for _, a := range []*dynamodb.TransactAction{t.Put, t.Update, t.Delete} {
				if a == nil {
					continue
				}
				item := a.Key
				if a == t.Put {
					item = a.Item
				}
				add(awssdk.ToString(a.TableName), item)
			}
		}
	}
	return groups
}
