package logs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/record"
)

// CreateLogStream makes a stream in a group. Function instances make theirs by themselves.
//
// Limits: a name of 512 characters without ':' and '*'.
// Errors: ResourceNotFoundException, ResourceAlreadyExistsException.
// Differs: nothing.
func (s *Service) CreateLogStream(ctx context.Context, in *cloudwatchlogs.CreateLogStreamInput) (*cloudwatchlogs.CreateLogStreamOutput, error) {
	p := placeOf(ctx)
	key := p.key("s", *in.LogGroupName, *in.LogStreamName)
	return nil, s.update(ctx, func(t kv.Txn) error {
		if _, err := load[group](t, p.key("g", *in.LogGroupName), "group"); err != nil {
			return err
		}
		_, taken, err := t.Get(key)
		if err != nil {
			return err
		}
		if taken {
			return aws.Errorf("ResourceAlreadyExistsException", "The specified log stream already exists")
		}
		return record.Save(t, key, &stream{Name: *in.LogStreamName, Created: s.nowMillis()})
	})
}

// DeleteLogStream removes a stream with its events.
//
// Errors: ResourceNotFoundException.
// Differs: nothing.
func (s *Service) DeleteLogStream(ctx context.Context, in *cloudwatchlogs.DeleteLogStreamInput) (*cloudwatchlogs.DeleteLogStreamOutput, error) {
	p := placeOf(ctx)
	key := p.key("s", *in.LogGroupName, *in.LogStreamName)
	return nil, s.update(ctx, func(t kv.Txn) error {
		if _, err := load[group](t, p.key("g", *in.LogGroupName), "group"); err != nil {
			return err
		}
		if _, err := load[stream](t, key, "stream"); err != nil {
			return err
		}
		prefix := p.key("e", *in.LogGroupName)
		var gone [][]byte
		err := t.Scan(kv.PrefixRange(prefix), func(k, v []byte) error {
			e, err := decodeEvent(k, len(prefix), v)
			if err == nil && e.stream == *in.LogStreamName {
				gone = append(gone, slices.Clone(k))
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, k := range gone {
			if err := t.Delete(k); err != nil {
				return err
			}
		}
		return t.Delete(key)
	})
}

// DescribeLogStreams lists a group's streams by name or by the time of their last event.
//
// Limits: 50 a page.
// Errors: ResourceNotFoundException, InvalidParameterException.
// Differs: nothing.
func (s *Service) DescribeLogStreams(ctx context.Context, in *cloudwatchlogs.DescribeLogStreamsInput) (*cloudwatchlogs.DescribeLogStreamsOutput, error) {
	name, err := groupName(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	p := placeOf(ctx)
	var all []*stream
	err = s.store.View(ctx, func(r kv.Reader) error {
		if _, err := load[group](r, p.key("g", name), "group"); err != nil {
			return err
		}
		return r.Scan(kv.PrefixRange(p.key("s", name)), func(_, v []byte) error {
			st, err := record.Decode[stream](v)
			if err == nil && strings.HasPrefix(st.Name, deref(in.LogStreamNamePrefix)) {
				all = append(all, st)
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	order := func(a, b *stream) int {
		c := strings.Compare(a.Name, b.Name)
		if byTime {
			c = cmp.Or(cmp.Compare(a.Last, b.Last), c)
		}
		if deref(in.Descending) {
			c = -c
		}
		return c
	}
	slices.SortFunc(all, order)
	if in.NextToken != nil {
		shown, err := parseStreamToken(*in.NextToken)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(st *stream) bool { return order(st, shown) <= 0 })
	}
	return p.streamPage(name, all, pageLimit(in.Limit)), nil
}

// A stream's token is its place in either order, so that a page follows also when
// the stream itself is gone by then.
func (st *stream) token() string { return fmt.Sprintf("%d/%s", st.Last, st.Name) }

func parseStreamToken(token string) (*stream, error) {
	at, name, ok := strings.Cut(token, "/")
	last, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil {
		return nil, invalid("The specified nextToken is invalid.")
	}
	return &stream{Name: name, Last: last}, nil
}

// streamPage shows the first of the streams, and a token if there are more.
func (p place) streamPage(group string, all []*stream, limit int) *cloudwatchlogs.DescribeLogStreamsOutput {
	out := &cloudwatchlogs.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	for i, st := range all {
		if i == limit {
			out.NextToken = ptr(all[i-1].token())
			break
		}
		d := types.LogStream{
			LogStreamName: ptr(st.Name), CreationTime: ptr(st.Created),
			Arn: ptr(fmt.Sprintf("%s:log-stream:%s", p.groupARN(group), st.Name)), UploadSequenceToken: ptr(sequenceToken),
		}
		if st.Last != 0 {
			d.FirstEventTimestamp, d.LastEventTimestamp, d.LastIngestionTime = ptr(st.First), ptr(st.Last), ptr(st.Ingested)
		}
		out.LogStreams = append(out.LogStreams, d)
	}
	return out
}
