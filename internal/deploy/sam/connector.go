package sam

import (
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
var plainTypes = map[string]string{"AWS::Serverless::SimpleTable": "AWS::DynamoDB::Table", "AWS::Serverless::Function": "AWS::Lambda::Function"}

// embedded transforms the Connectors of a resource.
func (t *transformer) embedded(source string, list *template.Node) {
	for _, e := range list.Entries {
		p := e.Val.Get("Properties").Clone()
		if p == nil {
			p = template.M()
		}
		p.Set("Source", template.M("Id", source))
		p.Place(e.Key.Pos)
		t.connector(source+e.Key.Value, e.Val.Clone().Place(e.Key.Pos), p)
	}
}

// connector lets a function use other resources, by a managed policy on its role.
func (t *transformer) connector(id string, src, props *template.Node) {
	dests := props.Get("Destination")
	if dests == nil || props.Get("Permissions") == nil || props.At("Source", "Id") == nil {
		t.fail(src, id, "Resource with id ["+id+"] is invalid. 'Source', 'Destination' and 'Permissions' are required", "add what is missing")
		return
	}
	source := props.At("Source", "Id").Text()
	if typ := t.root.At("Resources", source, "Type").Text(); plainType(typ) != "AWS::Lambda::Function" {
		t.fail(props.At("Source", "Id"), "", "only functions are connected as sources here", "write an AWS::IAM::Policy instead")
		return
	}
	items := dests.Items
	if dests.Kind == template.Map {
		items = []*template.Node{dests}
	}
	for i, d := range items {
		name := id + "Policy"
		if dests.Kind == template.List {
			name = id + "Destination" + string(rune('0'+i%10)) + "Policy"
		}
		t.connect(name, source, src, d, props.Get("Permissions"))
	}
}

func plainType(typ string) string {
	if p := plainTypes[typ]; p != "" {
		return p
	}
	return typ
}

func (t *transformer) connect(name, source string, src, dest, permissions *template.Node) {
	id := dest.Get("Id").Text()
	typ := t.root.At("Resources", id, "Type").Text()
	kinds := grants[plainType(typ)]
	if kinds == nil {
		t.fail(dest, "", "nothing of this type is connected to here", "connect tables, queues, topics, buckets and functions")
		return
	}
	arn := template.GetAtt(id, "Arn")
	if typ == "AWS::SNS::Topic" {
		arn = template.Ref(id)
	}
	var statements []*template.Node
	for _, p := range permissions.Items {
		g, ok := kinds[p.Text()]
		if !ok {
			t.fail(p, "", "Unsupported 'Permissions' provided for connector from AWS::Lambda::Function to "+plainType(typ), "see what the destination allows")
			continue
		}
		var targets []*template.Node
		for _, path := range g.paths {
			if path == "" {
				targets = append(targets, arn)
			} else {
				targets = append(targets, template.M("Fn::Sub", template.L("${DestinationArn}"+path, template.M("DestinationArn", arn))))
			}
		}
		statements = append(statements, template.M("Effect", "Allow", "Action", g.actions, "Resource", template.Of(targets)))
	}
	role := t.root.At("Resources", source, "Properties", "Role")
	if role != nil {
		t.fail(role, "", "the function's role is not this template's to change", "let SAM make the role, or write the policy")
		return
	}
	sourceType := t.root.At("Resources", source, "Type").Text()
	r := template.M("Type", "AWS::IAM::ManagedPolicy", "Metadata", template.M("aws:sam:connectors", template.M(name[:len(name)-len("Policy")],
		template.M("Source", template.M("Type", sourceType), "Destination", template.M("Type", typ)))),
		"Properties", template.M("PolicyDocument", template.M("Version", "2012-10-17", "Statement", template.Of(statements)), "Roles", template.L(template.Ref(source+"Role"))))
	t.add(name, src, r)
}
