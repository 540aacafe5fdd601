package serverless

import (
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// absentEvents are the Framework's events that nothing here makes.
var absentEvents = map[string]string{
	"schedule": "schedules are EventBridge rules, which are not here", "eventBridge": "EventBridge is not here", "cloudwatchEvent": "EventBridge is not here", "cloudwatchLog": "log subscriptions are not here",
	"websocket": "WebSocket APIs are not served here", "alb": "load balancers are not here", "iot": "IoT rules are not here", "iotFleetProvisioning": "IoT is not here", "alexaSkill": "Alexa skills are not here",
	"alexaSmartHome": "Alexa skills are not here", "cognitoUserPool": "Cognito is not here", "cloudFront": "CloudFront is not here", "msk": "Kafka is not here", "kafka": "Kafka is not here", "activemq": "message brokers are not here", "rabbitmq": "message brokers are not here",
}

func (f *function) events() {
	list := f.n.Get("events")
	if list == nil {
		return
	}
	for _, ev := range list.Items {
		if ev.Kind != template.Map || len(ev.Entries) == 0 {
			f.c.fail(ev, "", "an event is a map of its type and its settings", "write - http: …")
			continue
		}
		e := ev.Entries[0]
		switch e.Key.Value {
		case "http":
			f.restEvent(e)
		case "httpApi":
			f.httpEvent(e)
		case "stream":
			f.stream(e)
		case "sqs":
			f.queue(e)
		case "sns":
			f.topic(e)
		case "s3":
			f.bucket(e)
		default:
			why := absentEvents[e.Key.Value]
			if why == "" {
				why = "unsupported function event '" + e.Key.Value + "'"
			}
			f.c.fail(e.Key, e.Key.Value, why, "use http, httpApi, stream, sqs, sns or s3")
		}
	}
}

// lastName finds the name in an ARN, or the logical id in a reference to one, for
// the logical ids of what is made for it.
func lastName(arn *template.Node) string {
	fn, arg := arn.Function()
	switch fn {
	case "Fn::GetAtt":
		if len(arg.Items) > 0 {
			return arg.Items[0].Text()
		}
	case "Ref", "Fn::ImportValue":
		return arg.Text()
	case "Fn::Join":
		if len(arg.Items) == 2 && len(arg.Items[1].Items) > 0 {
			last := arg.Items[1].Items[len(arg.Items[1].Items)-1]
			return last.Text()[strings.LastIndexAny(last.Text(), ":/")+1:]
		}
	case "Fn::Sub":
		if len(arg.Items) > 0 {
			arg = arg.Items[0]
		}
		return arg.Text()[strings.LastIndexAny(arg.Text(), ":/")+1:]
	}
	text := arn.Text()
	if _, rest, ok := strings.Cut(text, ":table/"); ok { // …:table/NAME/stream/LABEL
		name, _, _ := strings.Cut(rest, "/")
		return name
	}
	return text[strings.LastIndexAny(text, ":/")+1:]
}

var streamKeys = []string{"type", "arn", "batchSize", "batchWindow", "startingPosition", "startingPositionTimestamp", "enabled", "maximumRetryAttempts", "maximumRecordAgeInSeconds", "bisectBatchOnFunctionError", "parallelizationFactor",
	"tumblingWindowInSeconds", "functionResponseType", "destinations", "consumer", "filterPatterns"}

func (f *function) stream(e template.Entry) {
	n := e.Val
	arn, typ := n, ""
	if n.Kind == template.Map {
		if fn, _ := n.Function(); fn == "" {
			f.c.keys("stream", n, streamKeys, nil, nil)
			arn, typ = n.Get("arn"), n.Get("type").Text()
		}
	}
	if arn == nil {
		f.c.fail(e.Key, "", "a stream event needs the stream's ARN", "add arn")
		return
	}
	if typ == "" {
		typ = "kinesis"
		if strings.Contains(arn.Text(), ":dynamodb:") {
			typ = "dynamodb"
		} else if !arn.IsScalar() {
			f.c.fail(n, "", "Missing \"type\" property for a stream whose ARN is not written out", "add type: kinesis or dynamodb")
		}
	}
	if typ != "kinesis" && typ != "dynamodb" {
		f.c.fail(n.Get("type"), "", "stream event of function '"+f.key.Value+"' has unknown type", "use kinesis or dynamodb")
		return
	}
	props := template.M("BatchSize", or(n.Get("batchSize"), template.Int(10)), "Enabled", or(n.Get("enabled"), template.Boolean(true)), "EventSourceArn", arn, "FunctionName", f.arn,
		"ParallelizationFactor", n.Get("parallelizationFactor"), "StartingPosition", or(n.Get("startingPosition"), template.Str("TRIM_HORIZON")), "StartingPositionTimestamp", n.Get("startingPositionTimestamp"),
		"MaximumBatchingWindowInSeconds", n.Get("batchWindow"), "MaximumRetryAttempts", n.Get("maximumRetryAttempts"), "BisectBatchOnFunctionError", n.Get("bisectBatchOnFunctionError"),
		"MaximumRecordAgeInSeconds", n.Get("maximumRecordAgeInSeconds"), "TumblingWindowInSeconds", n.Get("tumblingWindowInSeconds"), "FilterCriteria", filters(n.Get("filterPatterns")))
	if rt := n.Get("functionResponseType"); rt != nil {
		props.Set("FunctionResponseTypes", template.L(rt))
	}
	f.streamFailures(props, n.At("destinations", "onFailure"))
	f.grantStream(typ, arn)
	deps := f.roleDependency()
	if typ == "kinesis" {
		f.consumer(props, deps, n.Get("consumer"), arn)
	}
	res := template.M("Type", "AWS::Lambda::EventSourceMapping", "Properties", props)
	if len(deps.Items) > 0 {
		res.Set("DependsOn", deps)
	}
	f.c.add(f.id+"EventSourceMapping"+upperFirst(typ)+alnum(lastName(arn)), e.Key, res)
}

func or(n, fallback *template.Node) *template.Node { return orNode(n, fallback) }

// roleDependency names the role made here, which a mapping must wait for.
func (f *function) roleDependency() *template.Node {
	if f.n.Get("role") == nil && f.c.providerRole() == nil {
		return template.L("IamRoleLambdaExecution")
	}
	return template.L()
}

func (f *function) grantStream(typ string, arn *template.Node) {
	if typ == "dynamodb" {
		f.c.allow(arn, "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream", "dynamodb:ListStreams")
		return
	}
	f.c.allow(arn, "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:DescribeStream", "kinesis:ListStreams")
}

func (f *function) streamFailures(props, d *template.Node) {
	if d == nil {
		return
	}
	arn, typ := d, ""
	if d.Get("arn") != nil {
		arn, typ = d.Get("arn"), d.Get("type").Text()
	}
	if typ == "" {
		for _, s := range []string{"sqs", "sns"} {
			if strings.Contains(arn.Text(), ":"+s+":") {
				typ = s
			}
		}
	}
	switch typ {
	case "sqs":
		f.c.allow(arn, "sqs:ListQueues", "sqs:SendMessage")
	case "sns":
		f.c.allow(arn, "sns:Publish")
	default:
		f.c.fail(d, "", "a stream's failures go to a queue or a topic", "give type: sqs or sns, and arn")
	}
	props.Set("DestinationConfig", template.M("OnFailure", template.M("Destination", arn)))
}

// consumer reads through an enhanced fan-out consumer: one made here, or the author's.
func (f *function) consumer(props, deps, c, arn *template.Node) {
	if c == nil || c.Text() == "false" {
		return
	}
	if c.Text() != "true" {
		props.Set("EventSourceArn", c)
		f.c.allow(c, "kinesis:SubscribeToShard")
		return
	}
	name := f.key.Value + lastName(arn) + "Consumer"
	id := functionID(name) + "StreamConsumer"
	f.c.add(id, c, template.M("Type", "AWS::Kinesis::StreamConsumer", "Properties", template.M("StreamARN", arn, "ConsumerName", name)))
	props.Set("EventSourceArn", template.Ref(id))
	deps.Items = append(deps.Items, template.Str(id))
	f.c.allow(template.Ref(id), "kinesis:SubscribeToShard")
}

// filters turns patterns into filter criteria: JSON in a string each.
func filters(list *template.Node) *template.Node {
	if list == nil {
		return nil
	}
	out := template.L()
	for _, p := range list.Items {
		out.Items = append(out.Items, template.M("Pattern", string(p.JSON())))
	}
	return template.M("Filters", out)
}

func (f *function) queue(e template.Entry) {
	n, arn := e.Val, e.Val
	if n.Kind == template.Map {
		if fn, _ := n.Function(); fn == "" {
			f.c.keys("sqs", n, []string{"arn", "batchSize", "enabled", "maximumBatchingWindow", "functionResponseType", "filterPatterns", "maximumConcurrency"}, nil, nil)
			arn = n.Get("arn")
		}
	}
	if arn == nil {
		f.c.fail(e.Key, "", "an sqs event needs the queue's ARN", "add arn")
		return
	}
	props := template.M("BatchSize", or(n.Get("batchSize"), template.Int(10)), "MaximumBatchingWindowInSeconds", n.Get("maximumBatchingWindow"), "EventSourceArn", arn, "FunctionName", f.arn,
		"Enabled", or(n.Get("enabled"), template.Boolean(true)), "FilterCriteria", filters(n.Get("filterPatterns")))
	if rt := n.Get("functionResponseType"); rt != nil {
		props.Set("FunctionResponseTypes", template.L(rt))
	}
	if m := n.Get("maximumConcurrency"); m != nil {
		props.Set("ScalingConfig", template.M("MaximumConcurrency", m))
	}
	f.c.allow(arn, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
	res := template.M("Type", "AWS::Lambda::EventSourceMapping", "Properties", props)
	if d := f.roleDependency(); len(d.Items) > 0 {
		res.Set("DependsOn", d)
	}
	f.c.add(f.id+"EventSourceMappingSQS"+alnum(lastName(arn)), e.Key, res)
}

// topic subscribes to a topic that exists (by its ARN), or makes one (by its name).
func (f *function) topic(e template.Entry) {
	n := e.Val
	arn, name, display := (*template.Node)(nil), "", (*template.Node)(nil)
	switch fn, _ := n.Function(); {
	case fn != "":
		f.c.fail(n, "", "a topic given by a function needs a name for its resources", "write arn: and topicName:")
		return
	case n.Kind == template.Map:
		f.c.keys("sns", n, []string{"arn", "topicName", "displayName", "filterPolicy", "filterPolicyScope", "redrivePolicy"}, nil, map[string]string{"kmsMasterKeyId": "topics are not encrypted by keys here"})
		arn, name, display = n.Get("arn"), n.Get("topicName").Text(), n.Get("displayName")
	case strings.HasPrefix(n.Text(), "arn:"):
		arn = n
	default:
		name = n.Text()
	}
	if name == "" && arn.IsScalar() {
		name = lastName(arn)
	}
	if name == "" {
		f.c.fail(e.Key, "", "Missing \"topicName\" setting for an sns event whose ARN is not written out", "add topicName")
		return
	}
	source := arn
	policy, scope, redrive := n.Get("filterPolicy"), n.Get("filterPolicyScope"), f.redrive(n.Get("redrivePolicy"))
	switch {
	case arn != nil:
		f.c.add(f.id+"SnsSubscription"+alnum(name), e.Key, template.M("Type", "AWS::SNS::Subscription", "Properties", template.M("TopicArn", arn, "Protocol", "lambda", "Endpoint", f.arn,
			"FilterPolicy", policy, "FilterPolicyScope", scope, "RedrivePolicy", redrive)))
	default:
		source = joined("arn:", template.Ref("AWS::Partition"), ":sns:", template.Ref("AWS::Region"), ":", template.Ref("AWS::AccountId"), ":", name)
		id := "SNSTopic" + alnum(name)
		sub := template.M("Endpoint", f.arn, "Protocol", "lambda")
		if old := f.c.resources.At(id, "Properties"); old != nil {
			if policy == nil && redrive == nil {
				list := old.Get("Subscription")
				if list == nil {
					list = template.L()
					old.Set("Subscription", list)
				}
				list.Items = append(list.Items, sub.Place(e.Key.Pos))
			}
		} else {
			props := template.M("TopicName", name, "DisplayName", display)
			if policy == nil && redrive == nil {
				props.Set("Subscription", template.L(sub))
			}
			f.c.add(id, e.Key, template.M("Type", "AWS::SNS::Topic", "Properties", props))
		}
		if policy != nil || redrive != nil {
			f.c.add(f.id+"SnsSubscription"+alnum(name), e.Key, template.M("Type", "AWS::SNS::Subscription", "Properties", template.M("TopicArn", template.Ref(id), "Protocol", "lambda", "Endpoint", f.arn,
				"FilterPolicy", policy, "FilterPolicyScope", scope, "RedrivePolicy", redrive)))
		}
	}
	f.permission(f.id+"LambdaPermission"+alnum(name)+"SNS", e.Key, "sns.amazonaws.com", "SourceArn", source)
}

// redrive reads a dead letter queue's ARN.
func (f *function) redrive(n *template.Node) *template.Node {
	if n == nil {
		return nil
	}
	arn := n.Get("deadLetterTargetArn")
	if arn == nil {
		f.c.fail(n, "", "this form of redrive policy is not taken up here", "write deadLetterTargetArn: the queue's ARN")
	}
	return template.M("deadLetterTargetArn", arn)
}

// bucket makes a bucket that announces its objects to the function.
func (f *function) bucket(e template.Entry) {
	n := e.Val
	name, event := n.Text(), template.Str("s3:ObjectCreated:*")
	if n.Kind == template.Map {
		f.c.keys("s3", n, []string{"bucket", "event", "rules"}, nil, map[string]string{"existing": "buckets of others are not changed here: name the bucket under resources", "forceDeploy": "there is nothing to force"})
		name = n.Get("bucket").Text()
		event = or(n.Get("event"), event)
	}
	if name == "" {
		f.c.fail(e.Key, "", "an s3 event needs the bucket's name", "write s3: name")
		return
	}
	cfg := template.M("Event", event, "Function", f.arn)
	if rules := n.Get("rules"); rules != nil {
		list := template.L()
		for _, r := range rules.Items {
			for _, x := range r.Entries {
				list.Items = append(list.Items, template.M("Name", x.Key.Value, "Value", x.Val))
			}
		}
		cfg.Set("Filter", template.M("S3Key", template.M("Rules", list)))
	}
	id, perm := "S3Bucket"+alnum(name), f.id+"LambdaPermission"+alnum(name)+"S3"
	// Settings of the bucket may stand under provider.s3 in the Framework; here under resources, by its logical id.
	if old := f.c.resources.Get(id); old != nil {
		list := old.At("Properties", "NotificationConfiguration", "LambdaConfigurations")
		list.Items = append(list.Items, cfg.Place(e.Key.Pos))
		old.Get("DependsOn").Items = append(old.Get("DependsOn").Items, template.Str(perm).Place(e.Key.Pos))
	} else {
		f.c.add(id, e.Key, template.M("Type", "AWS::S3::Bucket", "Properties", template.M("BucketName", name, "NotificationConfiguration", template.M("LambdaConfigurations", template.L(cfg))), "DependsOn", template.L(perm)))
	}
	f.permission(perm, e.Key, "s3.amazonaws.com", "SourceArn", joined("arn:", template.Ref("AWS::Partition"), ":s3:::"+name), "SourceAccount", template.Ref("AWS::AccountId"))
}
