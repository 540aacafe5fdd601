package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/deploy/local"
)

// holdings are how much data stands where: records, items and messages by the ARN of what holds them.
type holdings map[string]int64

// holdings asks the inspection API.
func (a *app) holdings(ctx context.Context) (holdings, error) {
	out := holdings{}
	var streams []struct {
		ARN     string
		Records int64
	}
	if err := a.inspect(ctx, "api/streams", &streams); err != nil {
		return nil, err
	}
	for _, s := range streams {
		out[s.ARN] = s.Records
	}
	var tables []struct {
		ARN    string
		Items  int64
		Stream *struct {
			ARN    string
			Shards []struct{ Records int64 }
		}
	}
	if err := a.inspect(ctx, "api/tables", &tables); err != nil {
		return nil, err
	}
	for _, t := range tables {
		out[t.ARN] = t.Items
		if t.Stream != nil {
			for _, s := range t.Stream.Shards {
				out[t.Stream.ARN] += s.Records
			}
		}
	}
	var queues []struct {
		ARN                        string
		Visible, Delayed, InFlight int64
	}
	if err := a.inspect(ctx, "api/queues", &queues); err != nil {
		return nil, err
	}
	for _, q := range queues {
		out[q.ARN] = q.Visible + q.Delayed + q.InFlight
	}
	return out, nil
}

// atStake tells what a plan does to data in flight: what is lost, read again, or never read.
func (d *deploy) atStake(ctx context.Context, p *local.Planned) ([]string, error) {
	var out []string
	var held holdings
	for _, c := range p.Changes {
		r := c.ResourceChange
		verb := fateOf(r)
		if verb == "" {
			continue
		}
		if held == nil {
			var err error
			if held, err = d.a.holdings(ctx); err != nil {
				return nil, err
			}
		}
		said, err := d.stake(ctx, r, verb, held)
		if err != nil {
			return nil, err
		}
		if said != "" {
			out = append(out, said)
		}
	}
	return out, nil
}

// fateOf tells that a change does away with what stands, "" if it does not.
func fateOf(r *cfntypes.ResourceChange) string {
	switch {
	case r == nil || r.PolicyAction == cfntypes.PolicyActionRetain || r.PolicyAction == cfntypes.PolicyActionReplaceAndRetain:
		return ""
	case r.Action == cfntypes.ChangeActionRemove:
		return "deleted"
	case r.Action == cfntypes.ChangeActionModify && r.Replacement == cfntypes.ReplacementTrue:
		return "replaced"
	}
	return ""
}

func (d *deploy) stake(ctx context.Context, r *cfntypes.ResourceChange, verb string, held holdings) (string, error) {
	id, physical := aws.ToString(r.LogicalResourceId), aws.ToString(r.PhysicalResourceId)
	var kind, arn, unit string
	switch aws.ToString(r.ResourceType) {
	case "AWS::Lambda::EventSourceMapping":
		return d.mappingStake(ctx, r, verb, held)
	case "AWS::Kinesis::Stream":
		kind, arn, unit = "stream", ":kinesis:"+d.a.region()+":"+d.options.Account+":stream/"+physical, "record"
	case "AWS::DynamoDB::Table":
		kind, arn, unit = "table", ":dynamodb:"+d.a.region()+":"+d.options.Account+":table/"+physical, "item"
	case "AWS::SQS::Queue":
		kind, arn, unit = "queue", ":sqs:"+d.a.region()+":"+d.options.Account+":"+physical[strings.LastIndexByte(physical, '/')+1:], "message"
	}
	n := held["arn:aws"+arn]
	if kind == "" || n == 0 {
		return "", nil
	}
	return fmt.Sprintf("%s %s is %s: its %s will be lost", kind, id, verb, counted(n, unit)), nil
}

// mappingStake tells what becomes of the records between a mapping and its function.
func (d *deploy) mappingStake(ctx context.Context, r *cfntypes.ResourceChange, verb string, held holdings) (string, error) {
	cfg := d.a.awsConfig()
	m, err := lambda.NewFromConfig(cfg).GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: r.PhysicalResourceId})
	if err != nil {
		return "", d.a.explain(err)
	}
	id, source := aws.ToString(r.LogicalResourceId), aws.ToString(m.EventSourceArn)
	if strings.Contains(source, ":sqs:") {
		return "", nil // messages wait in the queue
	}
	next := map[string]string{"StartingPosition": string(m.StartingPosition)}
	for _, detail := range r.Details {
		if detail.Target != nil {
			next[aws.ToString(detail.Target.Name)] = aws.ToString(detail.Target.AfterValue)
		}
	}
	to, moves := next["EventSourceArn"]
	says := fmt.Sprintf("mapping %s is %s: ", id, verb)
	if left := held[stream(source)]; verb == "deleted" || moves && stream(to) != stream(source) {
		if left == 0 {
			return "", nil
		}
		return says + "what it has not read of " + source + " will not be read", nil
	}
	n := held[stream(source)]
	if n == 0 {
		return "", nil
	}
	switch lambdatypes.EventSourcePosition(next["StartingPosition"]) {
	case lambdatypes.EventSourcePositionTrimHorizon:
		says += counted(n, "record") + " will be re-read"
	case lambdatypes.EventSourcePositionAtTimestamp:
		says += "records since its starting timestamp will be re-read"
	default:
		says += "records that it has not read yet will be passed over, for the new one starts at LATEST"
	}
	if !moves {
		says += "; as on AWS this fails while the old mapping of the same stream and function stands: deploy once without it"
	}
	return says, nil
}

// stream is the ARN of the stream that a source reads: a consumer's is its stream's.
func stream(source string) string {
	source, _, _ = strings.Cut(source, "/consumer/")
	return source
}

// counted writes a number with its thousands apart: 3,214 records.
func counted(n int64, unit string) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if n != 1 {
		unit += "s"
	}
	return digits + " " + unit
}
