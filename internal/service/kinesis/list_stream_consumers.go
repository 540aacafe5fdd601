package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/kv"
)

// maxListConsumers is a page of ListStreamConsumers unless MaxResults asks for less.
const maxListConsumers = 100

// ListStreamConsumers lists a stream's consumers by name.
//
// Limits: 100 consumers a page; tokens live five minutes; with --limits=aws five calls a second.
// Errors: ResourceNotFoundException, InvalidArgumentException, ExpiredNextTokenException, LimitExceededException.
// Differs: StreamId, reserved by AWS, is refused.
func (s *Service) ListStreamConsumers(ctx context.Context, in *kinesis.ListStreamConsumersInput) (*kinesis.ListStreamConsumersOutput, error) {
	if err := s.limits.call(ctx, "ListStreamConsumers", ""); err != nil {
		return nil, err
	}
	at, err := s.find(ctx, names{nil, in.StreamARN, in.StreamId})
	if err != nil {
		return nil, err
	}
	after, err := s.consumersStart(at, in.NextToken)
	if err != nil {
		return nil, err
	}
	limit := maxListConsumers
	if in.MaxResults != nil {
		if *in.MaxResults < 1 {
			return nil, invalidArgument("MaxResults must be at least 1. Specified value was %d", *in.MaxResults)
		}
		limit = min(limit, int(*in.MaxResults))
	}
	var all []*consumer
	err = s.view(ctx, func(r kv.Reader) error {
		st, err := s.open(ctx, r, at, "ListStreamConsumers")
		if err != nil {
			return err
		}
		if in.StreamCreationTimestamp != nil && in.StreamCreationTimestamp.Unix() != st.CreatedMs/1000 {
			return streamNotFound(at)
		}
		all, err = s.consumers(r, st)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListStreamConsumersOutput{Consumers: []types.Consumer{}}
	last := ""
	for _, c := range all {
		if c.Name <= after {
			continue
		}
		if len(out.Consumers) == limit {
			out.NextToken = s.tokens.seal(newToken(tokenConsumers, s.clock.Now()).text(at.arn()).text(last))
			break
		}
		out.Consumers = append(out.Consumers, c.api())
		last = c.Name
	}
	return out, nil
}

// consumersStart is the name after which the page begins.
func (s *Service) consumersStart(at ref, text *string) (string, error) {
	if text == nil {
		return "", nil
	}
	t, err := s.openPage(tokenConsumers, *text)
	if err != nil {
		return "", err
	}
	arn, name := t.readText(), t.readText()
	if t.end() != nil || arn != at.arn() {
		return "", badToken(errToken)
	}
	return name, nil
}
