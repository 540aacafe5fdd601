package sam

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leatdev/leat/internal/deploy/template"
)

// grant is what a permission of a connector allows on one kind of destination.
type grant struct {
	actions []string
	// paths follow the destination's ARN: "" is the thing itself.
	paths []string
}

// grants by destination type and permission, as AWS's connector profiles give
// them to a function.
var grants = map[string]map[string]grant{
	"AWS::DynamoDB::Table": {
		"Read":  {[]string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:Scan", "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:PartiQLSelect"}, []string{"", "/index/*"}},
		"Write": {[]string{"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem", "dynamodb:PartiQLDelete", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"}, []string{"", "/index/*"}},
	},
	"AWS::SQS::Queue": {
		"Read":  {[]string{"sqs:ReceiveMessage", "sqs:GetQueueAttributes"}, []string{""}},
		"Write": {[]string{"sqs:DeleteMessage", "sqs:SendMessage", "sqs:ChangeMessageVisibility", "sqs:PurgeQueue"}, []string{""}},
	},
	"AWS::SNS::Topic": {"Write": {[]string{"sns:Publish"}, []string{""}}},
	"AWS::S3::Bucket": {
		"Read": {[]string{"s3:GetObject", "s3:GetObjectAcl", "s3:GetObjectLegalHold", "s3:GetObjectRetention", "s3:GetObjectTorrent", "s3:GetObjectVersion", "s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication",
			"s3:GetObjectVersionTorrent", "s3:ListBucket", "s3:ListBucketMultipartUploads", "s3:ListBucketVersions", "s3:ListMultipartUploadParts"}, []string{"", "/*"}},
		"Write": {[]string{"s3:AbortMultipartUpload", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObject", "s3:PutObjectLegalHold", "s3:PutObjectRetention", "s3:RestoreObject"}, []string{"", "/*"}},
	},
	"AWS::Lambda::Function": {"Write": {[]string{"lambda:InvokeAsync", "lambda:InvokeFunction"}, []string{""}}},
}

// plainTypes are what SAM types become.
var plainTypes = map[string]string{"AWS::Serverless::SimpleTable": "AWS::DynamoDB::Table", "AWS::Serverless::Function": "AWS::Lambda::Function",
	"AWS::Serverless::Api": "AWS::ApiGateway::RestApi", "AWS::Serverless::HttpApi": "AWS::ApiGatewayV2::Api"}

func plainType(typ string) string {
	if p := plainTypes[typ]; p != "" {
		return p
	}
	return typ
}

// polls are what a function's role needs to be fed by a source, by the source's type and the permission.
var polls = map[string]map[string]grant{
	"AWS::SQS::Queue": {
		"Write": {[]string{"sqs:DeleteMessage"}, []string{""}},
		"Read":  {[]string{"sqs:ReceiveMessage", "sqs:GetQueueAttributes"}, []string{""}},
	},
	"AWS::DynamoDB::Table": {"Read": {[]string{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"}, []string{"/stream/*"}}},
}

// callers are the services that invoke a function, by the source's type.
var callers = map[string]string{"AWS::SNS::Topic": "sns.amazonaws.com", "AWS::S3::Bucket": "s3.amazonaws.com", "AWS::ApiGateway::RestApi": "apigateway.amazonaws.com", "AWS::ApiGatewayV2::Api": "apigateway.amazonaws.com"}

// end is one end of a connector: a resource of the template, or something that is described.
type end struct {
	id, typ   string // typ as in the template
	plain     string
	node      *template.Node
	arn, role *template.Node
	url, name *template.Node // of a queue, and of a function or API
}

// embedded transforms the Connectors of a resource.
func (t *transformer) embedded(source string, list *template.Node) {
	for _, e := range list.Entries {
		p := e.Val.Get("Properties").Clone()
		if p == nil {
			p = template.M()
		}
		p.Set("Source", merged(template.M("Id", source), p.Get("SourceReference")))
		p.Delete("SourceReference")
		p.Place(e.Key.Pos)
		t.connector(source+e.Key.Value, e.Val.Clone().Place(e.Key.Pos), p)
	}
}

// connector lets a source use a destination, or be what feeds it: by a managed policy on the function's role, a permission of the
// function, or a policy of the queue.
func (t *transformer) connector(id string, src, props *template.Node) {
	dests := props.Get("Destination")
	if dests == nil || props.Get("Permissions") == nil || props.Get("Source") == nil {
		t.fail(src, id, "Resource with id ["+id+"] is invalid. 'Source', 'Destination' and 'Permissions' are required", "add what is missing")
		return
	}
	t.known(id, props, []string{"Source", "Destination", "Permissions"}, nil)
	source, ok := t.end(id, props.Get("Source"))
	if !ok {
		return
	}
	if dests.Kind == template.Map {
		if dest, ok := t.end(id, dests); ok {
			t.connect(id, "", src, source, dest, props.Get("Permissions"))
		}
		return
	}
	for i, d := range dests.Items {
		if dest, ok := t.end(id, d); ok {
			t.connect(id, "Destination"+strconv.Itoa(i), src, source, dest, props.Get("Permissions"))
		}
	}
}

// end reads one end of a connector.
func (t *transformer) end(connector string, n *template.Node) (*end, bool) {
	e := &end{id: n.Get("Id").Text(), node: n, typ: n.Get("Type").Text(), arn: n.Get("Arn"), url: n.Get("QueueUrl"), name: n.Get("ResourceId")}
	if role := n.Get("RoleName"); role != nil {
		e.role = role
	}
	if e.id == "" {
		if e.plain = plainType(e.typ); e.plain == "" {
			t.fail(n, "", "Resource with id ["+connector+"] is invalid. Missing required property 'Type'.", "give Id, or Type with Arn and the like")
			return nil, false
		}
		return e, true
	}
	res := t.root.At("Resources", e.id)
	if res == nil {
		t.fail(n, e.id, "Resource with id ["+connector+"] is invalid. Unable to find resource with logical ID '"+e.id+"'.", "name a resource of this template")
		return nil, false
	}
	e.typ = res.Get("Type").Text()
	e.plain = plainType(e.typ)
	switch e.plain {
	case "AWS::SNS::Topic":
		e.arn = template.Ref(e.id)
	case "AWS::SQS::Queue":
		e.arn, e.url = template.GetAtt(e.id, "Arn"), template.Ref(e.id)
	case "AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api":
		e.name = template.Ref(e.id)
	default:
		e.arn = template.GetAtt(e.id, "Arn")
	}
	if e.plain == "AWS::Lambda::Function" {
		e.role = t.roleName(e.id, e.typ, res)
	}
	return e, true
}

// roleName is the name of a function's role, where the template makes it.
func (t *transformer) roleName(id, typ string, res *template.Node) *template.Node {
	role := res.At("Properties", "Role")
	if role == nil && typ != "AWS::Lambda::Function" {
		if role = t.g["Function"].Get("Role"); role == nil {
			return template.Ref(id + "Role")
		}
	}
	if fn, arg := role.Function(); fn == "Fn::GetAtt" {
		if id, attr, _ := strings.Cut(arg.Text(), "."); attr == "Arn" {
			return template.Ref(id)
		}
		if len(arg.Items) == 2 && arg.Items[1].Text() == "Arn" {
			return template.Ref(arg.Items[0].Text())
		}
	}
	return nil
}

// connect makes the one resource that a connector from source to dest comes to.
func (t *transformer) connect(id, suffix string, src *template.Node, source, dest *end, permissions *template.Node) {
	kinds := map[string]grant{}
	build := t.rolePolicy(source, source.role, dest.arn, "DestinationArn")
	switch {
	case source.plain == "AWS::Lambda::Function":
		kinds = grants[dest.plain]
	case dest.plain == "AWS::Lambda::Function" && polls[source.plain] != nil:
		kinds = polls[source.plain]
		build = t.rolePolicy(dest, dest.role, source.arn, "SourceArn")
	case dest.plain == "AWS::Lambda::Function" && callers[source.plain] != "":
		kinds = map[string]grant{"Write": {}}
		build = func([]grant) (string, *template.Node) { return "WriteLambdaPermission", t.calls(source, dest) }
	case source.plain == "AWS::SNS::Topic" && dest.plain == "AWS::SQS::Queue":
		kinds = map[string]grant{"Write": {}}
		build = func([]grant) (string, *template.Node) { return "QueuePolicy", t.feeds(source, dest) }
	}
	pair := "connector from " + source.plain + " to " + dest.plain
	if len(kinds) == 0 {
		t.fail(dest.node, "", "Resource with id ["+id+"] is invalid. Unable to create "+pair+"; it's not supported or the template is invalid.", "write the policy or the permission instead")
		return
	}
	var wanted []grant
	for _, name := range slices.Sorted(maps.Keys(kinds)) { // in SAM's order: by the profile, not by the author
		if slices.ContainsFunc(permissions.Items, func(p *template.Node) bool { return p.Text() == name }) {
			wanted = append(wanted, kinds[name])
		}
	}
	both := source.plain == "AWS::SQS::Queue"
	for _, p := range permissions.Items {
		if _, ok := kinds[p.Text()]; !ok {
			t.fail(p, "", "Resource with id ["+id+"] is invalid. Unsupported 'Permissions' provided for "+pair+"; valid values are: "+strings.Join(slices.Sorted(maps.Keys(kinds)), ", ")+".", "use one of them")
			return
		}
	}
	if both && len(wanted) != len(kinds) {
		t.fail(permissions, "", "Resource with id ["+id+"] is invalid. Unsupported 'Permissions' provided for "+pair+"; valid combinations are: Read + Write.", "give both")
		return
	}
	if both {
		slices.Reverse(wanted)
	}
	name, r := build(wanted)
	if r == nil {
		return
	}
	if c := src.Get("Condition"); c != nil {
		r.Set("Condition", c)
	}
	r.Set("Metadata", template.M("aws:sam:connectors", template.M(id, template.M("Source", template.M("Type", source.typ), "Destination", template.M("Type", dest.typ)))))
	t.add(id+name+suffix, src, r)
	if polls[source.plain] != nil && source.plain != "AWS::Lambda::Function" {
		t.mappingWaits(source.id, dest.id, id+name+suffix)
	}
}

// rolePolicy makes the managed policy of a function's role on a thing.
func (t *transformer) rolePolicy(f *end, role, arn *template.Node, variable string) func([]grant) (string, *template.Node) {
	return func(list []grant) (string, *template.Node) {
		if role == nil || arn == nil {
			t.fail(f.node, "", "the function's role, or what it is to use, cannot be told from the template", "let the template make the role, or give RoleName and Arn")
			return "", nil
		}
		var statements []*template.Node
		for _, g := range list {
			var targets []*template.Node
			for _, path := range g.paths {
				if path == "" {
					targets = append(targets, arn)
				} else {
					targets = append(targets, template.M("Fn::Sub", template.L("${"+variable+"}"+path, template.M(variable, arn))))
				}
			}
			statements = append(statements, template.M("Effect", "Allow", "Action", g.actions, "Resource", template.Of(targets)))
		}
		return "Policy", template.M("Type", "AWS::IAM::ManagedPolicy",
			"Properties", template.M("PolicyDocument", template.M("Version", "2012-10-17", "Statement", template.Of(statements)), "Roles", template.L(role)))
	}
}

// calls lets a service invoke a function for the source.
func (t *transformer) calls(source, dest *end) *template.Node {
	props := template.M("Action", "lambda:InvokeFunction", "FunctionName", dest.arn, "Principal", callers[source.plain])
	switch {
	case source.name != nil:
		qualifier := source.node.Get("Qualifier")
		if qualifier == nil {
			qualifier = template.Str("*")
		}
		props.Set("SourceArn", template.M("Fn::Sub", template.L("arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${SourceResourceId}/${SourceQualifier}",
			template.M("SourceResourceId", source.name, "SourceQualifier", qualifier))))
	default:
		if source.plain == "AWS::S3::Bucket" {
			props.Set("SourceAccount", template.Sub("${AWS::AccountId}"))
		}
		props.Set("SourceArn", source.arn)
	}
	return template.M("Type", "AWS::Lambda::Permission", "Properties", props)
}

// feeds lets a topic send to a queue.
func (t *transformer) feeds(source, dest *end) *template.Node {
	return template.M("Type", "AWS::SQS::QueuePolicy", "Properties", template.M("PolicyDocument", template.M("Version", "2012-10-17", "Statement", template.L(
		template.M("Effect", "Allow", "Principal", template.M("Service", "sns.amazonaws.com"), "Resource", dest.arn, "Action", "sqs:SendMessage",
			"Condition", template.M("ArnEquals", template.M("aws:SourceArn", source.arn))))), "Queues", template.L(dest.url)))
}

// mappingWaits makes the mapping between source and function wait for the policy that it needs.
func (t *transformer) mappingWaits(source, function, policy string) {
	for _, e := range t.out.Entries {
		if e.Val.Get("Type").Text() != "AWS::Lambda::EventSourceMapping" || !t.refersTo(e.Val.At("Properties", "EventSourceArn"), source) || !t.refersTo(e.Val.At("Properties", "FunctionName"), function) {
			continue
		}
		waits := e.Val.Get("DependsOn")
		switch {
		case waits.IsScalar():
			waits = template.L(waits)
		case waits == nil:
			waits = template.L()
		}
		waits.Items = append(waits.Items, template.Str(policy))
		e.Val.Set("DependsOn", waits.Place(e.Val.Pos))
	}
}

func (t *transformer) refersTo(n *template.Node, id string) bool {
	found := false
	template.References(n, nil, func(r template.Reference) { found = found || r.Name == id || r.Name == id+"Alias" })
	return found
}
