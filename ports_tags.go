package leat

import (
	"context"
	"net/http"
	"strings"

	logssdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	dynamodbsdk "github.com/aws/aws-sdk-go-v2/service/dynamodb"
	gluesdk "github.com/aws/aws-sdk-go-v2/service/glue"
	kinesissdk "github.com/aws/aws-sdk-go-v2/service/kinesis"
	snssdk "github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/leatdev/leat/internal/aws"
)

// tagsOf finds the tags of what an ARN names, for policies that look at them; nothing of
// what is not there: the operation itself says so.
func (r *rooms) tagsOf(ctx context.Context, arn string) (map[string]string, error) {
	a, err := aws.ParseARN(arn)
	if err != nil || a.Account == "" || strings.ContainsAny(arn, "*?") && a.Service != "logs" {
		return nil, nil //nolint:nilerr // "*" and the like have no tags
	}
	tags, err := r.tagsIn(aws.Internal(ctx, a.Account, a.Region), a, arn)
	if e, ok := aws.AsError(err); ok && e.HTTPStatus() < http.StatusInternalServerError {
		return nil, nil
	}
	return tags, err
}

func (r *rooms) tagsIn(ctx context.Context, a aws.ARN, arn string) (map[string]string, error) {
	out := map[string]string{}
	switch a.Service {
	case "dynamodb":
		if kind, rest, ok := strings.Cut(a.Resource, "/"); ok {
			table, _, _ := strings.Cut(rest, "/")
			a.Resource = kind + "/" + table // of an index or a change stream, its table's
		}
		arn = a.String()
		in, err := r.dynamodb.ListTagsOfResource(ctx, &dynamodbsdk.ListTagsOfResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		for _, t := range in.Tags {
			out[*t.Key] = *t.Value
		}
	case "kinesis":
		in, err := r.kinesis.ListTagsForResource(ctx, &kinesissdk.ListTagsForResourceInput{ResourceARN: &arn})
		if err != nil {
			return nil, err
		}
		for _, t := range in.Tags {
			out[*t.Key] = *t.Value
		}
	case "sns":
		in, err := r.sns.ListTagsForResource(ctx, &snssdk.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		for _, t := range in.Tags {
			out[*t.Key] = *t.Value
		}
	case "sqs":
		return r.sqs.Tags(arn)
	case "lambda":
		if strings.HasPrefix(a.Resource, "event-source-mapping:") {
			return r.mappings.Tags(ctx, arn)
		}
		return r.lambda.Tags(ctx, arn)
	case "logs":
		arn = strings.TrimSuffix(arn, ":*")
		in, err := r.logs.ListTagsForResource(ctx, &logssdk.ListTagsForResourceInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		return in.Tags, nil
	case "glue":
		in, err := r.glue.GetTags(ctx, &gluesdk.GetTagsInput{ResourceArn: &arn})
		if err != nil {
			return nil, err
		}
		return in.Tags, nil
	case "iam":
		return r.iam.Tags(ctx, arn)
	}
	return out, nil
}
