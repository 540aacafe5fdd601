package sqs

import (
	"context"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// checkTags checks tags that are added; total is the number the queue would have.
func checkTags(tags map[string]string, total int) error {
	if total > MaxTags {
		return errInvalidParameter("Too many tags added for queue. The maximum number of tags is %d.", MaxTags)
	}
	for _, k := range sortedNames(tags) {
		if k == "" || len([]rune(k)) > 128 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return errInvalidParameter("Tag keys must be between 1 and 128 characters in length and must not begin with aws:.")
		}
		if len([]rune(tags[k])) > 256 {
			return errInvalidParameter("Tag values must be between 0 and 256 characters in length.")
		}
	}
	return nil
}

// TagQueue adds tags to a queue, or changes their values.
//
// Limits: 50 tags; keys of 128, values of 256 characters.
// Errors: QueueDoesNotExist, MissingParameter, InvalidParameterValue.
// Differs: nothing.
func (s *Service) TagQueue(ctx context.Context, in *sqs.TagQueueInput) (*sqs.TagQueueOutput, error) {
	q, err := s.queue(ctx, "TagQueue", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) == 0 {
		return nil, errMissing("Tags")
	}
	return nil, q.change(ctx, func(rec *record) error {
		if rec.Tags == nil {
			rec.Tags = map[string]string{}
		}
		maps.Copy(rec.Tags, in.Tags)
		return checkTags(in.Tags, len(rec.Tags))
	}, nil, nil)
}

// UntagQueue removes tags; those that are not there do not matter.
//
// Errors: QueueDoesNotExist, MissingParameter.
// Differs: nothing.
func (s *Service) UntagQueue(ctx context.Context, in *sqs.UntagQueueInput) (*sqs.UntagQueueOutput, error) {
	q, err := s.queue(ctx, "UntagQueue", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if len(in.TagKeys) == 0 {
		return nil, errMissing("TagKeys")
	}
	return nil, q.change(ctx, func(rec *record) error {
		for _, k := range in.TagKeys {
			delete(rec.Tags, k)
		}
		return nil
	}, nil, nil)
}

// Tags are the tags of the queue that an ARN names.
func (s *Service) Tags(arn string) (map[string]string, error) {
	q, err := s.byARN(arn)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return maps.Clone(q.rec.Tags), nil
}

// ListQueueTags answers a queue's tags.
//
// Errors: QueueDoesNotExist, MissingParameter.
// Differs: nothing.
func (s *Service) ListQueueTags(ctx context.Context, in *sqs.ListQueueTagsInput) (*sqs.ListQueueTagsOutput, error) {
	q, err := s.queue(ctx, "ListQueueTags", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return &sqs.ListQueueTagsOutput{Tags: maps.Clone(q.rec.Tags)}, nil
}
