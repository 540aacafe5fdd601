package kinesis

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// Page sizes of ListStreams.
const (
	defaultListStreams = 100
	maxListStreams     = 10_000
)

// ListStreams lists the streams of the caller's account and region by name.
//
// Limits: 100 names a page unless Limit asks otherwise, at most 10,000; tokens live five
// minutes; with --limits=aws five calls a second.
// Errors: InvalidArgumentException, ExpiredNextTokenException, LimitExceededException.
// Differs: nothing.
func (s *Service) ListStreams(ctx context.Context, in *kinesis.ListStreamsInput) (*kinesis.ListStreamsOutput, error) {
	if err := s.limits.call(ctx, "ListStreams", ""); err != nil {
		return nil, err
	}
	limit := defaultListStreams
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	if limit < 1 || limit > maxListStreams {
		return nil, invalidArgument("Limit must be between 1 and %d. Specified value was %d", maxListStreams, limit)
	}
	req := aws.RequestFrom(ctx)
	after, err := s.listStreamsStart(in)
	if err != nil {
		return nil, err
	}
	out := &kinesis.ListStreamsOutput{HasMoreStreams: ptr(false), StreamNames: []string{}, StreamSummaries: []types.StreamSummary{}}
	err = s.view(ctx, func(r kv.Reader) error {
		return s.eachStream(r, req.Account(), req.Region, after, func(st *stream) error {
			if len(out.StreamNames) == limit {
				out.HasMoreStreams = ptr(true)
				return kv.ErrStop
			}
			out.StreamNames = append(out.StreamNames, st.Name)
			out.StreamSummaries = append(out.StreamSummaries, types.StreamSummary{
				StreamName: &st.Name, StreamARN: ptr(st.arn()), StreamStatus: types.StreamStatusActive,
				StreamCreationTimestamp: ptr(st.created()), StreamModeDetails: &types.StreamModeDetails{StreamMode: st.Mode},
			})
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	if *out.HasMoreStreams {
		out.NextToken = s.tokens.seal(newToken(tokenStreams, s.clock.Now()).text(out.StreamNames[limit-1]))
	}
	return out, nil
}

// listStreamsStart is the name after which the page begins.
func (s *Service) listStreamsStart(in *kinesis.ListStreamsInput) (string, error) {
	if in.NextToken == nil {
		return value(in.ExclusiveStartStreamName), nil
	}
	t, err := s.openPage(tokenStreams, *in.NextToken)
	if err != nil {
		return "", err
	}
	name := t.readText()
	return name, badToken(t.end())
}

// openPage opens a pagination token that must not have expired.
func (s *Service) openPage(kind byte, text string) (*token, error) {
	t, err := s.tokens.open(kind, text)
	if err != nil {
		return nil, badToken(err)
	}
	if t.expired(s.clock.Now()) {
		return nil, aws.Errorf("ExpiredNextTokenException", "The pagination token passed to the operation is expired.")
	}
	return t, nil
}

func badToken(err error) error {
	if err == nil {
		return nil
	}
	return invalidArgument("Invalid NextToken.")
}
