package iam

import (
	"context"
	"reflect"
	"strings"

	"github.com/leatdev/leat/internal/aws"
)

// Asks tells what an operation needs to be allowed: its action and the
// resources its input names ("Actions, resources, and condition keys for AWS
// services"). It knows the members by which the services here name resources, so
// that a new operation needs no entry of its own.
func Asks(ctx context.Context, service, operation string, in any) []Access {
	asks := asksOf(ctx, service, operation, in)
	if tags := requestTags(in); tags != nil {
		for i := range asks {
			if asks[i].Context == nil {
				asks[i].Context = tags // shared, and only read
			}
		}
	}
	return asks
}

func asksOf(ctx context.Context, service, operation string, in any) []Access {
	ask := asker{ctx: ctx, req: aws.RequestFrom(ctx)}
	ask.fields = fieldsOf(in)
	prefix := actionPrefix(service)
	action := operation
	if other, ok := actionNames[service+":"+operation]; ok {
		action = other
	}
	switch service {
	case "sts":
		return nil // GetCallerIdentity and its like cannot be forbidden; AssumeRole asks the trust policy
	case "dynamodb":
		return ask.dynamodb(operation, in)
	case "iam":
		return []Access{{Action: "iam:" + action, Resource: ask.iamResource()}}
	}
	resources := ask.resources(service)
	out := make([]Access, 0, len(resources))
	for _, r := range resources {
		out = append(out, Access{Action: prefix + ":" + action, Resource: r})
	}
	if role := ask.fields["Role"]; service == "lambda" && role != "" { // who gives a function a role must have it to give
		out = append(out, Access{Action: "iam:PassRole", Resource: role, Context: map[string][]string{"iam:passedtoservice": {"lambda.amazonaws.com"}}})
	}
	return out
}

func actionPrefix(service string) string {
	switch service {
	case "dynamodbstreams":
		return "dynamodb"
	case "apigatewayv2":
		return "apigateway"
	default:
		return service
	}
}

// actionNames are the operations whose permission has another name.
var actionNames = map[string]string{
	"lambda:Invoke":                    "InvokeFunction",
	"lambda:InvokeWithResponseStream":  "InvokeFunction",
	"sqs:SendMessageBatch":             "SendMessage",
	"sqs:DeleteMessageBatch":           "DeleteMessage",
	"sqs:ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
	"sns:PublishBatch":                 "Publish",
}

type asker struct {
	ctx    context.Context
	req    *aws.Request
	fields map[string]string
}

// fieldsOf reads the string members of an input's top level, and of the one
// level below it where Glue puts names (SchemaId, RegistryId).
func fieldsOf(in any) map[string]string {
	out := map[string]string{}
	v := reflect.Indirect(reflect.ValueOf(in))
	if v.Kind() != reflect.Struct {
		return out
	}
	for i := range v.NumField() {
		f := v.Type().Field(i)
		if !f.IsExported() {
			continue
		}
		fv := reflect.Indirect(v.Field(i))
		switch {
		case fv.Kind() == reflect.String:
			out[f.Name] = fv.String()
		case fv.Kind() == reflect.Struct && strings.HasSuffix(f.Name, "Id"):
			for name, value := range fieldsOf(fv.Interface()) {
				out[name] = value
			}
		}
	}
	return out
}

func (a *asker) arn(service, resource string) string { return a.req.ARN(service, resource).String() }

// named gives the ARN of a resource by an ARN member or a name member.
func (a *asker) named(service, prefix string, members ...string) (string, bool) {
	for _, m := range members {
		v := a.fields[m]
		switch {
		case v == "":
		case strings.HasPrefix(v, "arn:"):
			return v, true
		default:
			return a.arn(service, prefix+v), true
		}
	}
	return "", false
}

// resources lists what the input names; an operation that names nothing acts on "*".
func (a *asker) resources(service string) []string {
	var arn string
	var ok bool
	switch service {
	case "kinesis":
		arn, ok = a.named("kinesis", "stream/", "ConsumerARN", "StreamARN", "ResourceARN", "StreamName")
	case "dynamodbstreams":
		arn, ok = a.named("dynamodb", "", "StreamArn")
	case "sns":
		arn, ok = a.named("sns", "", "TopicArn", "TargetArn", "ResourceArn", "SubscriptionArn", "Name")
		arn = topicOf(arn)
	case "sqs":
		arn, ok = a.queue()
	case "lambda":
		arn, ok = a.function()
	case "glue":
		arn, ok = a.glue()
	case "logs":
		arn, ok = a.named("logs", "log-group:", "LogGroupIdentifier", "ResourceArn", "LogGroupName")
		if ok && !strings.HasSuffix(arn, ":*") {
			arn += ":*"
		}
	case "cloudformation":
		if arn, ok = a.named("cloudformation", "stack/", "StackName"); ok && !strings.HasPrefix(a.fields["StackName"], "arn:") {
			arn += "/*"
		}
	}
	if !ok {
		return []string{"*"}
	}
	return []string{arn}
}

// topicOf is the topic of a subscription's ARN, which has one part more.
func topicOf(arn string) string {
	parts := strings.Split(arn, ":")
	if len(parts) == 7 {
		return strings.Join(parts[:6], ":")
	}
	return arn
}

func (a *asker) queue() (string, bool) {
	if arn := a.fields["SourceArn"]; arn != "" {
		return arn, true
	}
	name := a.fields["QueueName"]
	account := a.req.Caller.Account
	if url := a.fields["QueueUrl"]; url != "" {
		parts := strings.Split(strings.TrimSuffix(url, "/"), "/")
		if len(parts) >= 2 {
			account = parts[len(parts)-2]
		}
		name = parts[len(parts)-1]
	}
	if name == "" {
		return "", false
	}
	return aws.NewARN("sqs", a.req.Region, account, name).String(), true
}

// function reads FunctionName in its forms: a name, NAME:QUALIFIER, ACCOUNT:function:NAME, an ARN.
func (a *asker) function() (string, bool) {
	name := a.fields["FunctionName"]
	if name == "" {
		return a.named("lambda", "", "Resource", "FunctionArn", "EventSourceArn")
	}
	arn := name
	if !strings.HasPrefix(name, "arn:") {
		if _, rest, partial := strings.Cut(name, ":function:"); partial {
			name = rest
		}
		arn = a.arn("lambda", "function:"+name)
	}
	if q := a.fields["Qualifier"]; q != "" {
		arn += ":" + q
	}
	return arn, true
}

func (a *asker) glue() (string, bool) {
	if arn := a.fields["SchemaArn"]; arn != "" {
		return arn, true
	}
	registry := a.fields["RegistryName"]
	if schema := a.fields["SchemaName"]; schema != "" {
		if registry == "" {
			registry = "default-registry"
		}
		return a.arn("glue", "schema/"+registry+"/"+schema), true
	}
	return a.named("glue", "registry/", "RegistryArn", "ResourceArn", "RegistryName")
}

func (a *asker) iamResource() string {
	for _, m := range []struct{ member, prefix string }{
		{"RoleName", "role/"}, {"UserName", "user/"}, {"PolicyArn", ""}, {"PolicySourceArn", ""}, {"PolicyName", "policy/"},
	} {
		v := a.fields[m.member]
		switch {
		case v == "":
		case strings.HasPrefix(v, "arn:"):
			return v
		default:
			return globalARN(a.ctx, m.prefix+v)
		}
	}
	return "*"
}
