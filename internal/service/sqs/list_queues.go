package sqs

import (
	"context"
	"encoding/base64"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
)

// MaxList bounds the queues of one listing.
const MaxList = 1000

// ListQueues answers the URLs of the caller's queues in the region, by name.
//
// Limits: 1000 URLs; NextToken is answered only where MaxResults is given, as AWS does.
// Errors: InvalidParameterValue.
// Differs: nothing.
func (s *Service) ListQueues(ctx context.Context, in *sqs.ListQueuesInput) (*sqs.ListQueuesOutput, error) {
	r := aws.RequestFrom(ctx)
	prefix := ""
	if in.QueueNamePrefix != nil {
		prefix = *in.QueueNamePrefix
	}
	urls, token, err := s.list(ctx, in.MaxResults, in.NextToken, func(q *queue) bool {
		return q.key.account == r.Account() && q.key.region == r.Region && strings.HasPrefix(q.key.name, prefix)
	})
	return &sqs.ListQueuesOutput{QueueUrls: urls, NextToken: token}, err
}

// ListDeadLetterSourceQueues answers the URLs of the queues whose redrive policy
// names this one.
//
// Limits: 1000 URLs.
// Errors: QueueDoesNotExist, MissingParameter, InvalidParameterValue.
// Differs: nothing.
func (s *Service) ListDeadLetterSourceQueues(ctx context.Context, in *sqs.ListDeadLetterSourceQueuesInput) (*sqs.ListDeadLetterSourceQueuesOutput, error) {
	dlq, err := s.queue(ctx, "ListDeadLetterSourceQueues", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	urls, token, err := s.list(ctx, in.MaxResults, in.NextToken, func(q *queue) bool { return q.givesUpTo(dlq.arn) })
	if urls == nil {
		urls = []string{}
	}
	return &sqs.ListDeadLetterSourceQueuesOutput{QueueUrls: urls, NextToken: token}, err
}

// givesUpTo tells whether the queue's dead letters go to target.
func (q *queue) givesUpTo(target string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.set.redrive != nil && q.set.redrive.target == target
}

// list pages through the queues that match, in the order of their names.
func (s *Service) list(ctx context.Context, maxResults *int32, nextToken *string, match func(*queue) bool) ([]string, *string, error) {
	limit, after := MaxList, ""
	if maxResults != nil {
		if *maxResults < 1 || *maxResults > MaxList {
			return nil, nil, errValue("MaxResults", *maxResults, "MaxResults must be an integer between 1 and 1000.")
		}
		limit = int(*maxResults)
	}
	if nextToken != nil && *nextToken != "" {
		b, err := base64.URLEncoding.DecodeString(*nextToken)
		if err != nil || len(b) == 0 {
			return nil, nil, errInvalidParameter("Invalid or expired next token.")
		}
		after = string(b)
	}
	var keys []queueKey
	for _, q := range s.all() {
		if q.key.name > after && match(q) {
			keys = append(keys, q.key)
		}
	}
	sort.Slice(keys, func(i, j int) bool { return keys[i].name < keys[j].name })
	var token *string
	if len(keys) > limit {
		keys = keys[:limit]
		if maxResults != nil {
			t := base64.URLEncoding.EncodeToString([]byte(keys[limit-1].name))
			token = &t
		}
	}
	var urls []string
	for _, k := range keys {
		urls = append(urls, s.url(ctx, k))
	}
	return urls, token, nil
}
