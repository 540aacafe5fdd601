package play

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// consumerLog is the log group of the function that keeps the map.
const consumerLog = "/aws/lambda/currencies-dev-consume_topic"

// visible is how soon a change must be in the consumer's map.
const visible = time.Second

// Currencies plays the four calls of the description, then measures changes under load, then
// kills the server while changes arrive.
func Currencies(ctx context.Context, e Env, scale Scale) (Result, error) {
	r := Result{System: "currencies"}
	s, err := e.Up(ctx, "currencies")
	if err != nil {
		return r, err
	}
	defer s.Stop()
	p := &currencies{s: s}
	if p.url, err = s.Endpoint(http.MethodPost, "/currency"); err != nil {
		return r, err
	}
	if err := p.describe(ctx, &r); err != nil {
		return r, err
	}
	for _, step := range []func(context.Context, *Result, Scale) error{p.load, p.edit, p.crash} {
		if err := step(ctx, &r, scale); err != nil {
			return r, err
		}
	}
	return r, nil
}

type currencies struct {
	s   *Server
	url string
}

func (p *currencies) post(ctx context.Context, symbol, rate string) (string, error) {
	status, text, err := insist(ctx, http.MethodPost, p.url, "", fmt.Sprintf(`{"symbol":%q,"rate":%q}`, symbol, rate))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("POST %s: %d %s", symbol, status, text)
	}
	return text, err
}

// shown is a line of the log that shows the map.
type shown struct {
	at    time.Time
	rates map[string]string
	text  string
}

// maps reads what the consumer has logged, oldest first.
func (p *currencies) maps(ctx context.Context) ([]shown, error) {
	var list []shown
	pages := cloudwatchlogs.NewFilterLogEventsPaginator(cloudwatchlogs.NewFromConfig(p.s.Config()), &cloudwatchlogs.FilterLogEventsInput{LogGroupName: aws.String(consumerLog)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, event := range page.Events {
			_, text, ok := strings.Cut(aws.ToString(event.Message), "currency map: ")
			if !ok {
				continue
			}
			line := shown{at: time.UnixMilli(aws.ToInt64(event.Timestamp)), text: strings.TrimSpace(text)}
			if err := json.Unmarshal([]byte(text), &line.rates); err != nil {
				return nil, fmt.Errorf("the log shows %q: %w", text, err)
			}
			list = append(list, line)
		}
	}
	return list, nil
}

// lastMap is the map as the log showed it last.
func (p *currencies) lastMap(ctx context.Context) (string, error) {
	list, err := p.maps(ctx)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[len(list)-1].text, nil
}

// describe makes the calls of the description, in order.
func (p *currencies) describe(ctx context.Context, r *Result) error {
	for _, step := range []struct{ symbol, rate, want string }{
		{"USD", "100", `{"USD": "100"}`},
		{"EUR", "999", `{"USD": "100", "EUR": "999"}`},
		{"EUR", "100", `{"USD": "100", "EUR": "100"}`},
		{"EUR", "", `{"USD": "100"}`},
	} {
		what := "map after POST " + step.symbol + " " + step.rate
		if step.rate == "" {
			what = "map after DELETE " + step.symbol
			status, _, err := insist(ctx, http.MethodDelete, p.url+"/"+step.symbol, "", "")
			if err != nil {
				return err
			}
			r.check("answer to DELETE", http.StatusOK, status)
		} else {
			text, err := p.post(ctx, step.symbol, step.rate)
			if err != nil {
				return err
			}
			r.check("answer to POST", fmt.Sprintf(`{"symbol": %q, "rate": %q}`, step.symbol, step.rate), text)
		}
		r.Records++
		got, err := eventually(ctx, step.want, p.lastMap)
		if err != nil {
			return err
		}
		r.check(what, step.want, got)
	}
	status, _, err := insist(ctx, http.MethodPost, p.url, "", `{"symbol":"USD"}`)
	r.check("status of a POST without a rate", http.StatusBadRequest, status)
	return err
}

// load posts changes at an even rate and finds out when the map had them. Each
// has a symbol of its own, so that no later change hides it.
func (p *currencies) load(ctx context.Context, r *Result, scale Scale) error {
	began, err := p.changes(ctx, "L", scale.Currencies*scale.Seconds, float64(scale.Currencies))
	if err != nil {
		return err
	}
	r.Records += len(began)
	seen, err := p.waitSeen(ctx, began)
	if err != nil {
		return err
	}
	r.check("changes seen in the map", len(began), len(seen))
	var lat samples
	for symbol, at := range seen {
		lat.add(at.Sub(began[symbol]))
	}
	r.Figures = append(r.Figures, lat.figure("POST → in the consumer's map", visible))
	return nil
}

// changes posts n changes of n symbols; it gives the time at which each was begun.
func (p *currencies) changes(ctx context.Context, prefix string, n int, rate float64) (map[string]time.Time, error) {
	var mu sync.Mutex
	began := map[string]time.Time{}
	err := atRate(ctx, rate, n, func(ctx context.Context, i int, due time.Time) error {
		symbol := fmt.Sprintf("%s%04d", prefix, i)
		_, err := p.post(ctx, symbol, "1.5")
		mu.Lock()
		defer mu.Unlock()
		began[symbol] = due
		return err
	})
	return began, err
}

// waitSeen waits until each of the symbols has been in the map, and tells since when.
func (p *currencies) waitSeen(ctx context.Context, symbols map[string]time.Time) (map[string]time.Time, error) {
	seen := map[string]time.Time{}
	_, err := eventually(ctx, len(symbols), func(ctx context.Context) (int, error) {
		list, err := p.maps(ctx)
		for _, line := range list {
			for symbol := range line.rates {
				if _, ours := symbols[symbol]; ours && seen[symbol].IsZero() {
					seen[symbol] = line.at
				}
			}
		}
		return len(seen), err
	})
	return seen, err
}

// edit changes a function's code while it is called: no call may fail, and the new code must answer.
func (p *currencies) edit(ctx context.Context, r *Result, scale Scale) error {
	file := filepath.Join(p.s.folder, "create_currency.py")
	code, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n := scale.Currencies * 4
	var failed, edited samples
	written := make(chan time.Time, 1)
	err = atRate(ctx, float64(scale.Currencies), n, func(ctx context.Context, i int, _ time.Time) error {
		if i == n/4 {
			changed := strings.Replace(string(code), "reply(200, item)", `reply(200, {**item, "edited": True})`, 1)
			defer func() { written <- time.Now() }()
			return os.WriteFile(file, []byte(changed), 0o644)
		}
		status, text, err := call(ctx, http.MethodPost, p.url, "", fmt.Sprintf(`{"symbol":"E%04d","rate":"2"}`, i))
		switch {
		case err != nil || status != http.StatusOK:
			failed.add(0)
		case strings.Contains(text, `"edited": true`):
			edited.add(time.Duration(time.Now().UnixNano()))
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.Records += n - 1
	r.check("calls that failed while the code was changed", 0, len(failed.list))
	r.check("the new code answers", true, len(edited.list) > 0)
	if len(edited.list) > 0 {
		var lat samples
		lat.add(slices.Min(edited.list) - time.Duration((<-written).UnixNano()))
		r.Figures = append(r.Figures, lat.figure("code saved → new code answers", 0))
	}
	return nil
}

// crash kills the server while changes arrive. What was acknowledged must reach
// the topic: a queue of ours listens, because the map does not survive and the last
// lines of the log may not.
func (p *currencies) crash(ctx context.Context, r *Result, scale Scale) error {
	queue, err := p.listen(ctx)
	if err != nil {
		return err
	}
	n := scale.Currencies * max(scale.Seconds/3, 2)
	done := make(chan error, 1)
	var began map[string]time.Time
	go func() {
		var err error
		began, err = p.changes(ctx, "C", n, float64(scale.Currencies))
		done <- err
	}()
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	if err := p.s.KillAndRestart(ctx); err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	r.Records += n
	told := map[string]bool{}
	_, err = eventually(ctx, n, func(ctx context.Context) (int, error) {
		err := p.receive(ctx, queue, told)
		return len(told), err
	})
	if err != nil {
		return err
	}
	r.check("changes told to the topic, across kill -9", n, len(told))
	// The last change came after the restart: the new instance's map has it.
	last := fmt.Sprintf("C%04d", n-1)
	seen, err := p.waitSeen(ctx, map[string]time.Time{last: began[last]})
	r.check("the map goes on after the restart", 1, len(seen))
	return err
}

// listen subscribes a queue to the topic.
func (p *currencies) listen(ctx context.Context) (url string, err error) {
	q, err := sqs.NewFromConfig(p.s.Config()).CreateQueue(ctx, &sqs.CreateQueueInput{QueueName: aws.String("listener")})
	if err != nil {
		return "", err
	}
	topic := p.s.Outputs["CurrencyTopic"]
	arn := strings.Replace(topic[:strings.LastIndex(topic, ":")], ":sns:", ":sqs:", 1) + ":listener"
	_, err = sns.NewFromConfig(p.s.Config()).Subscribe(ctx, &sns.SubscribeInput{
		TopicArn: &topic, Protocol: aws.String("sqs"), Endpoint: &arn, Attributes: map[string]string{"RawMessageDelivery": "true"},
	})
	return aws.ToString(q.QueueUrl), err
}

// receive notes the symbols of the crash that the queue was told of.
func (p *currencies) receive(ctx context.Context, url string, told map[string]bool) error {
	client := sqs.NewFromConfig(p.s.Config())
	for {
		out, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 300})
		if err != nil || len(out.Messages) == 0 {
			return err
		}
		for _, m := range out.Messages {
			var change struct{ Data struct{ Symbol string } }
			if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &change); err != nil {
				return err
			}
			if strings.HasPrefix(change.Data.Symbol, "C") {
				told[change.Data.Symbol] = true
			}
		}
	}
}
