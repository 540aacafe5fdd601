package dynamodb

import (
	"context"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"

	"github.com/leatdev/leat/internal/aws"
	"github.com/leatdev/leat/internal/kv"
)

// ListStreams lists the caller's change streams, of all tables or one.
//
// Limits: 100 streams a page.
// Errors: ResourceNotFoundException, ValidationException.
// Differs: nothing.
func (s *Service) ListStreams(ctx context.Context, in *dynamodbstreams.ListStreamsInput) (*dynamodbstreams.ListStreamsOutput, error) {
	limit, err := pageLimit(in.Limit, maxListStreams)
	if err != nil {
		return nil, err
	}
	req := aws.RequestFrom(ctx)
	out := &dynamodbstreams.ListStreamsOutput{Streams: []types.Stream{}}
	err = s.store.View(ctx, func(r kv.Reader) error {
		prefix := kv.Key(kv.SpaceDynamoDB, "s", req.Account(), req.Region)
		if in.TableName != nil {
			prefix = kv.Append(prefix, *in.TableName)
		}
		rng := kv.PrefixRange(prefix)
		if in.ExclusiveStartStreamArn != nil {
			account, region, table, label, ok := parseStreamARN(*in.ExclusiveStartStreamArn)
			if !ok {
				return validation("Invalid ExclusiveStartStreamArn: %s", *in.ExclusiveStartStreamArn)
			}
			rng.Start = kv.After(streamKey(account, region, table, label))
		}
		return r.Scan(rng, func(_, v []byte) error {
			st, err := parseStream(v)
			if err != nil {
				return err
			}
			if len(out.Streams) == limit {
				out.LastEvaluatedStreamArn = out.Streams[limit-1].StreamArn
				return kv.ErrStop
			}
			out.Streams = append(out.Streams, types.Stream{StreamArn: awssdk.String(st.arn()), StreamLabel: &st.Label, TableName: &st.Table})
			return nil
		})
	})
	if err != nil {
		return nil, storage(err)
	}
	return out, nil
}
