package sam

import (
	"github.com/leatdev/leat/internal/deploy/template"
)

// absentEvents are SAM's event types that nothing here makes.
var absentEvents = map[string]string{
	"Schedule": "schedules are EventBridge rules, which are not here", "ScheduleV2": "schedules are EventBridge Scheduler's, which is not here",
	"EventBridgeRule": "EventBridge is not here", "CloudWatchEvent": "EventBridge is not here", "CloudWatchLogs": "log subscriptions are not here", "IoTRule": "IoT rules are not here",
	"AlexaSkill": "Alexa skills are not here", "Cognito": "Cognito is not here", "MSK": "Kafka is not here", "MQ": "Amazon MQ is not here", "SelfManagedKafka": "Kafka is not here", "DocumentDB": "DocumentDB is not here",
}

func (f *function) events() {
	events := f.props.Get("Events")
	if events == nil {
		return
	}
	for _, e := range events.Entries {
		typ, props := e.Val.Get("Type"), e.Val.Get("Properties")
		if props == nil {
			props = template.M()
			props.Pos = e.Key.Pos
		}
		id := f.id + e.Key.Value
		switch kind := typ.Text(); kind {
		case "Api":
			f.restEvent(id, e.Key, props)
		case "HttpApi":
			f.httpEvent(id, e.Key, props)
		case "Kinesis", "DynamoDB", "SQS":
			f.mapping(id, kind, e.Key, props)
		case "SNS":
			f.topic(id, e.Key, props)
		case "S3":
			f.bucket(id, e.Key, props)
		default:
			why := absentEvents[kind]
			if why == "" {
				why = "Resource with id [" + f.id + "] is invalid. Event with id [" + e.Key.Value + "] is invalid. Invalid event type " + kind
			}
			at := typ
			if at == nil {
				at = e.Key
			}
			f.t.fail(at, "", why, "use Api, HttpApi, Kinesis, DynamoDB, SQS, SNS or S3")
		}
	}
}

// mappingProps are the properties of a mapping that go on as they are.
var mappingProps = []string{"BatchSize", "BisectBatchOnFunctionError", "Enabled", "FilterCriteria", "FunctionResponseTypes", "KmsKeyArn", "MaximumBatchingWindowInSeconds",
	"MaximumRecordAgeInSeconds", "MaximumRetryAttempts", "MetricsConfig", "ParallelizationFactor", "ProvisionedPollerConfig", "ScalingConfig", "StartingPosition", "StartingPositionTimestamp", "TumblingWindowInSeconds"}

var pollerRoles = map[string]string{"Kinesis": "AWSLambdaKinesisExecutionRole", "DynamoDB": "AWSLambdaDynamoDBExecutionRole", "SQS": "AWSLambdaSQSQueueExecutionRole"}

func (f *function) mapping(id, kind string, key, props *template.Node) {
	sourceProp := "Stream"
	if kind == "SQS" {
		sourceProp = "Queue"
	}
	f.t.known(f.id, props, append([]string{sourceProp, "DestinationConfig"}, mappingProps...), nil)
	if props.Get(sourceProp) == nil {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. No Queue (for SQS) or Stream (for Kinesis, DynamoDB) provided.", "add "+sourceProp)
		return
	}
	if kind != "SQS" && props.Get("StartingPosition") == nil {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. StartingPosition is required for Kinesis, DynamoDB and MSK.", "add StartingPosition: LATEST or TRIM_HORIZON")
	}
	out := template.M("EventSourceArn", props.Get(sourceProp), "FunctionName", f.target)
	for _, p := range mappingProps {
		if v := props.Get(p); v != nil {
			out.Set(p, v)
		}
	}
	if d := props.At("DestinationConfig", "OnFailure"); d != nil {
		out.Set("DestinationConfig", template.M("OnFailure", template.M("Destination", d.Get("Destination"))))
		typ := d.Get("Type").Text()
		if typ != "" && sendActions[typ] == "" && typ != "S3" || typ == "Lambda" {
			f.t.fail(d.Get("Type"), "", "Resource with id ["+f.id+"] is invalid. Event with id ["+id+"] is invalid. The only valid values for 'Type' are 'SQS', 'SNS', 'S3', and 'Kafka'", "use SQS, SNS or S3: there is no Kafka here")
		} else if typ != "" {
			f.maySend(id, typ, d.Get("Destination"))
		}
	}
	r := child("AWS::Lambda::EventSourceMapping", f.src, out)
	r.Place(key.Pos)
	f.t.add(id, f.src, r)
	f.eventRoles = append(f.eventRoles, pollerRoles[kind])
}

// sendActions are what a function's role needs to reach a destination of a type. A bucket needs more: see maySend.
var sendActions = map[string]string{"SQS": "sqs:SendMessage", "SNS": "sns:Publish", "Lambda": "lambda:InvokeFunction"}

// maySend lets the function's role reach a destination.
func (f *function) maySend(id, typ string, dest *template.Node) {
	list := template.L(template.M("Action", sendActions[typ], "Effect", "Allow", "Resource", dest))
	if typ == "S3" {
		list = template.L(template.M("Action", "s3:PutObject", "Effect", "Allow", "Resource", template.M("Fn::Join", template.L("/", template.L(dest, "*")))),
			template.M("Action", "s3:ListBucket", "Effect", "Allow", "Resource", dest))
	}
	f.inline = append(f.inline, template.M("PolicyName", id+typ+"Policy", "PolicyDocument", template.M("Statement", list)))
}

func (f *function) topic(id string, key, props *template.Node) {
	f.t.known(f.id, props, []string{"Topic", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy", "SqsSubscription"}, map[string]string{"Region": "topics of other regions are not subscribed to"})
	topic := props.Get("Topic")
	if topic == nil {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. Missing required property 'Topic'.", "add Topic")
		return
	}
	sub := template.M("TopicArn", topic, "FilterPolicy", props.Get("FilterPolicy"), "FilterPolicyScope", props.Get("FilterPolicyScope"), "RedrivePolicy", props.Get("RedrivePolicy"))
	queue := props.Get("SqsSubscription")
	if queue == nil || queue.Text() == "false" {
		sub.Set("Protocol", template.Str("lambda"))
		sub.Set("Endpoint", f.targetARN)
		f.t.add(id, f.src, child("AWS::SNS::Subscription", f.src, sub).Place(key.Pos))
		f.permission(id+"Permission", key, "sns.amazonaws.com", "SourceArn", topic)
		return
	}
	arn, url := queue.Get("QueueArn"), queue.Get("QueueUrl")
	policyID, batch, enabled := queue.Get("QueuePolicyLogicalId").Text(), queue.Get("BatchSize"), queue.Get("Enabled")
	if queue.Kind != template.Map {
		arn, url = template.GetAtt(id+"Queue", "Arn"), template.Ref(id+"Queue")
		f.t.add(id+"Queue", f.src, child("AWS::SQS::Queue", f.src, template.M()))
	}
	if policyID == "" {
		policyID = id + "QueuePolicy"
	}
	if batch == nil {
		batch = template.Int(10)
	}
	if enabled == nil {
		enabled = template.Boolean(true)
	}
	f.t.add(policyID, f.src, child("AWS::SQS::QueuePolicy", f.src, template.M("Queues", template.L(url), "PolicyDocument", template.M("Version", "2012-10-17", "Statement", template.L(
		template.M("Action", "sqs:SendMessage", "Effect", "Allow", "Principal", "*", "Resource", arn, "Condition", template.M("ArnEquals", template.M("aws:SourceArn", topic))))))))
	sub.Set("Protocol", template.Str("sqs"))
	sub.Set("Endpoint", arn)
	f.t.add(id, f.src, child("AWS::SNS::Subscription", f.src, sub).Place(key.Pos))
	f.t.add(id+"EventSourceMapping", f.src, child("AWS::Lambda::EventSourceMapping", f.src, template.M("EventSourceArn", arn, "FunctionName", f.target, "BatchSize", batch, "Enabled", enabled)))
	f.eventRoles = append(f.eventRoles, pollerRoles["SQS"])
}

// bucket adds a notification to a bucket of the same template; the bucket must
// wait for the permission, which therefore cannot name the bucket.
func (f *function) bucket(id string, key, props *template.Node) {
	f.t.known(f.id, props, []string{"Bucket", "Events", "Filter"}, nil)
	fn, arg := props.Get("Bucket").Function()
	bucket := f.t.root.At("Resources", arg.Text())
	if fn != "Ref" || bucket == nil || bucket.Get("Type").Text() != "AWS::S3::Bucket" {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. S3 events must reference an S3 bucket in the same template.", "write Bucket: !Ref of a bucket")
		return
	}
	f.permission(id+"Permission", key, "s3.amazonaws.com", "SourceAccount", template.Ref("AWS::AccountId"))
	bp := bucket.Get("Properties")
	if bp == nil {
		bp = template.M()
		bucket.Set("Properties", bp)
	}
	nc := bp.Get("NotificationConfiguration")
	if nc == nil {
		nc = template.M()
		bp.Set("NotificationConfiguration", nc)
	}
	list := nc.Get("LambdaConfigurations")
	if list == nil {
		list = template.L()
		nc.Set("LambdaConfigurations", list)
	}
	events := props.Get("Events")
	if events.IsScalar() {
		events = template.L(events)
	}
	if events == nil || events.Kind != template.List {
		f.t.fail(key, "", "Resource with id ["+f.id+"] is invalid. Event with id ["+key.Value+"] is invalid. Missing required property 'Events'.", "add Events: s3:ObjectCreated:*")
		return
	}
	for _, ev := range events.Items {
		list.Items = append(list.Items, f.conditional(template.M("Event", ev, "Function", f.targetARN, "Filter", props.Get("Filter"))))
	}
	waits := bucket.Get("DependsOn")
	if waits.IsScalar() {
		waits = template.L(waits)
	}
	if waits == nil {
		waits = template.L()
	}
	waits.Items = append(waits.Items, template.Str(id+"Permission"))
	bucket.Set("DependsOn", waits)
	bucket.Place(bucket.Pos)
}
