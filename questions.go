package leat

import (
	"bytes"
	"context"
	"encoding/json"
	"net/url"
	"strconv"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	lambdasdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	snssdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/inspect"
	"github.com/leatdev/leat/internal/sdkhttp"
	"github.com/leatdev/leat/internal/trace"
)

// maxFaults bounds the faults that one check reports.
const maxFaults = 1000

// questions are what the inspection API answers.
func (p *Platform) questions() []inspect.Question {
	plain := func(path, summary string, answer func(context.Context) (any, error)) inspect.Question {
		return inspect.Question{Path: path, Summary: summary, Answer: func(ctx context.Context, _ url.Values) (any, error) { return answer(ctx) }}
	}
	return []inspect.Question{
		plain("streams", "All streams with their shards, rates, readers and consumers.", func(ctx context.Context) (any, error) { return p.kinesis.Inspect(ctx) }),
		plain("tables", "All tables with their indexes, sizes and change streams.", func(ctx context.Context) (any, error) { return p.dynamodb.Inspect(ctx) }),
		plain("queues", "All queues with the number of their messages.", p.inspectQueues),
		plain("topics", "The topics of the platform's account and region, with their subscriptions.", p.inspectTopics),
		plain("functions", "The functions of the platform's account and region, each with the least policy that covers what it has called.", p.inspectFunctions),
		plain("mappings", "What every enabled event source mapping has done, and where it stands in each shard.", func(context.Context) (any, error) { return p.mappings.InspectAll(), nil }),
		plain("check", "Walks all tables and verifies that items, indexes and change streams agree.", p.checkData),
		{
			Path: "outbox", Summary: "E-mails and text messages that AWS would have sent, newest first.",
			Parameters: []inspect.Parameter{{Name: "limit", Description: "how many, 100 by default"}},
			Answer: func(ctx context.Context, q url.Values) (any, error) {
				limit := 100
				if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
					limit = n
				}
				return p.sns.Outbox(ctx, limit)
			},
		},
		{
			Path: "trace", Summary: "What caused a thing and what followed from it: records, messages, invocations and items.",
			Parameters: []inspect.Parameter{{Name: "id", Required: true, Description: "a record (shardId-…:sequence number), a request id, a message id, an item (table/{key as JSON}), an object (bucket/key)"}},
			Answer:     p.traceThing,
		},
		{
			Path: "iam/suggest", Summary: "The least policy that covers what a function has called.",
			Parameters: []inspect.Parameter{{Name: "function", Required: true, Description: "the function's ARN"}},
			Answer: func(ctx context.Context, q url.Values) (any, error) {
				doc, err := p.lineage.log.Suggest(ctx, q.Get("function"))
				return json.RawMessage(doc), err
			},
		},
	}
}

// queueView is a queue as the inspection API shows it.
type queueView struct {
	ARN      string `json:"arn"`
	FIFO     bool   `json:"fifo"`
	Visible  int    `json:"visible"`
	Delayed  int    `json:"delayed"`
	InFlight int    `json:"inFlight"`
}

func (p *Platform) inspectQueues(context.Context) (any, error) {
	out := []queueView{}
	for _, arn := range p.sqs.Queues() {
		info, err := p.sqs.Queue(arn)
		if err != nil {
			continue // deleted meanwhile
		}
		out = append(out, queueView{arn, info.FIFO, info.Visible, info.Delayed, info.InFlight})
	}
	return out, nil
}

// topicView is a topic as the inspection API shows it.
type topicView struct {
	ARN           string             `json:"arn"`
	Subscriptions []subscriptionView `json:"subscriptions"`
}

type subscriptionView struct {
	Protocol string `json:"protocol"`
	Endpoint string `json:"endpoint"`
}

func (p *Platform) inspectTopics(ctx context.Context) (any, error) {
	ctx = aws.Internal(ctx, p.opts.Account, p.opts.Region)
	out, at := []topicView{}, map[string]int{}
	for in := new(snssdk.ListTopicsInput); ; {
		page, err := p.sns.ListTopics(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, t := range page.Topics {
			at[*t.TopicArn] = len(out)
			out = append(out, topicView{*t.TopicArn, []subscriptionView{}})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	for in := new(snssdk.ListSubscriptionsInput); ; {
		page, err := p.sns.ListSubscriptions(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, s := range page.Subscriptions {
			if i, ok := at[*s.TopicArn]; ok { // else it was made meanwhile
				out[i].Subscriptions = append(out[i].Subscriptions, subscriptionView{*s.Protocol, *s.Endpoint})
			}
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return out, nil
		}
	}
}

// functionView is a function as the inspection API shows it.
type functionView struct {
	ARN     string          `json:"arn"`
	Runtime string          `json:"runtime"`
	Policy  json.RawMessage `json:"policy"`
}

// inspectFunctions asks the functions' own API, as any client would.
func (p *Platform) inspectFunctions(ctx context.Context) (any, error) {
	client := lambdasdk.New(lambdasdk.Options{
		HTTPClient: sdkhttp.Client(), BaseEndpoint: awssdk.String(p.URL()), Region: p.opts.Region, Credentials: p.ownCredentials(p.opts.Account),
	})
	out := []functionView{}
	for pages := lambdasdk.NewListFunctionsPaginator(client, nil); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, f := range page.Functions {
			policy, err := p.lineage.log.Suggest(ctx, *f.FunctionArn)
			if err != nil {
				return nil, err
			}
			out = append(out, functionView{*f.FunctionArn, string(f.Runtime), policy})
		}
	}
	return out, nil
}

// checkView is what a walk over all data found.
type checkView struct {
	Checked int      `json:"checked"`
	Faults  []string `json:"faults"`
}

func (p *Platform) checkData(ctx context.Context) (any, error) {
	out := checkView{Faults: []string{}}
	var err error
	out.Checked, err = p.dynamodb.Check(ctx, func(problem string) {
		if len(out.Faults) < maxFaults {
			out.Faults = append(out.Faults, problem)
		}
	})
	return out, err
}

// traceView is the way of one thing, back and forth, also as text.
type traceView struct {
	Thing    string      `json:"thing"`
	Kind     string      `json:"kind"`
	Name     string      `json:"name"`
	Backward *trace.Node `json:"backward"`
	Forward  *trace.Node `json:"forward"`
	Text     string      `json:"text"`
}

func (p *Platform) traceThing(ctx context.Context, q url.Values) (any, error) {
	found, err := p.lineage.log.Find(ctx, q.Get("id"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, aws.StatusErrorf(404, "NotFound", "nothing is known of %q: what did not happen in a function or a mapping, and what is too long ago, is not traced", q.Get("id"))
	}
	out := []traceView{}
	for _, ref := range found {
		v := traceView{Thing: ref.String(), Kind: ref.Kind.String(), Name: ref.Name}
		if v.Backward, err = p.lineage.log.Backward(ctx, ref); err != nil {
			return nil, err
		}
		if v.Forward, err = p.lineage.log.Forward(ctx, ref); err != nil {
			return nil, err
		}
		var text bytes.Buffer
		if len(v.Backward.Hops) > 0 {
			text.WriteString("led to by\n")
			_ = trace.Print(&text, v.Backward) // a buffer does not fail
		}
		if len(v.Forward.Hops) > 0 {
			text.WriteString("followed by\n")
			_ = trace.Print(&text, v.Forward)
		}
		v.Text = text.String()
		out = append(out, v)
	}
	return out, nil
}
