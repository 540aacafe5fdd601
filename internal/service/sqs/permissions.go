package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/leatdev/leat/internal/aws"
)

// Limits of AddPermission.
const (
	// MaxStatements bounds the statements of a queue's policy.
	MaxStatements = 20
	// MaxPermissionActions bounds the actions of one statement.
	MaxPermissionActions = 7
)

// shareable are the actions that AddPermission may grant.
var shareable = []string{
	"*", "ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "PurgeQueue", "ReceiveMessage", "SendMessage",
}

// policyDocument is a policy whose statements are kept as they were written.
type policyDocument struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id,omitempty"`
	Statement []json.RawMessage `json:"Statement"`
}

func (q *queue) policyOf(rec *record) (policyDocument, error) {
	doc := policyDocument{Version: "2008-10-17", ID: q.arn + "/SQSDefaultPolicy"}
	text := rec.Attributes["Policy"]
	if text == "" {
		return doc, nil
	}
	doc = policyDocument{}
	if json.Unmarshal([]byte(text), &doc) == nil {
		return doc, nil
	}
	var single struct { // a lone statement need not be in a list
		Version, ID string
		Statement   json.RawMessage
	}
	if err := json.Unmarshal([]byte(text), &single); err != nil {
		return doc, errAttributeValue("Policy")
	}
	return policyDocument{Version: single.Version, ID: single.ID, Statement: []json.RawMessage{single.Statement}}, nil
}

func sidOf(statement json.RawMessage) string {
	var s struct{ Sid string }
	_ = json.Unmarshal(statement, &s) // a statement without a readable Sid has none
	return s.Sid
}

func (rec *record) setPolicy(doc policyDocument) error {
	if rec.Attributes == nil {
		rec.Attributes = map[string]string{}
	}
	if len(doc.Statement) == 0 {
		delete(rec.Attributes, "Policy")
		return nil
	}
	b, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	rec.Attributes["Policy"] = string(b)
	return checkPolicy(string(b))
}

// AddPermission adds a statement to the queue's policy that lets accounts do
// the named actions. What the policy permits is decided where requests of other
// accounts are authorised.
//
// Limits: 20 statements, 7 actions each.
// Errors: QueueDoesNotExist, MissingParameter, InvalidParameterValue, OverLimit.
// Differs: nothing.
func (s *Service) AddPermission(ctx context.Context, in *sqs.AddPermissionInput) (*sqs.AddPermissionOutput, error) {
	q, err := s.queue(ctx, "AddPermission", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if err := checkPermission(in); err != nil {
		return nil, err
	}
	statement, err := q.permission(in)
	if err != nil {
		return nil, err
	}
	return nil, q.change(ctx, func(rec *record) error {
		doc, err := q.policyOf(rec)
		if err != nil {
			return err
		}
		for _, st := range doc.Statement {
			if sidOf(st) == *in.Label {
				return errValue("Label", *in.Label, "Already exists.")
			}
		}
		if len(doc.Statement) >= MaxStatements {
			return errOverLimit("%d statements were found, maximum allowed is %d.", len(doc.Statement)+1, MaxStatements)
		}
		doc.Statement = append(doc.Statement, statement)
		return rec.setPolicy(doc)
	}, nil, nil)
}

func checkPermission(in *sqs.AddPermissionInput) error {
	switch {
	case in.Label == nil || *in.Label == "":
		return errMissing("Label")
	case !batchID.MatchString(*in.Label):
		return errValue("Label", *in.Label, "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.")
	case len(in.AWSAccountIds) == 0:
		return errMissing("AWSAccountIds")
	case len(in.Actions) == 0:
		return errMissing("Actions")
	case len(in.Actions) > MaxPermissionActions:
		return errOverLimit("%d Actions were found, maximum allowed is %d.", len(in.Actions), MaxPermissionActions)
	}
	for _, a := range in.Actions {
		if !slices.Contains(shareable, a) {
			return errValue("ActionName", "SQS:"+a, "Only the queue owner is allowed to invoke this action.")
		}
	}
	for _, id := range in.AWSAccountIds {
		if !isAccount(id) {
			return errValue("PrincipalId", fmt.Sprint(in.AWSAccountIds), "Unable to verify.")
		}
	}
	return nil
}

// permission is the statement that AddPermission's input describes.
func (q *queue) permission(in *sqs.AddPermissionInput) (json.RawMessage, error) {
	var principals, actions []string
	for _, id := range in.AWSAccountIds {
		principals = append(principals, "arn:"+aws.Partition(q.key.region)+":iam::"+id+":root")
	}
	for _, a := range in.Actions {
		actions = append(actions, "SQS:"+a)
	}
	return json.Marshal(struct {
		Sid, Effect string
		Principal   map[string]any
		Action      any
		Resource    string
	}{*in.Label, "Allow", map[string]any{"AWS": oneOrMany(principals)}, oneOrMany(actions), q.arn})
}

// oneOrMany writes a list of one as its element, as SQS does.
func oneOrMany(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

// RemovePermission removes the statement with a label from the queue's policy.
//
// Errors: QueueDoesNotExist, MissingParameter, InvalidParameterValue.
// Differs: nothing.
func (s *Service) RemovePermission(ctx context.Context, in *sqs.RemovePermissionInput) (*sqs.RemovePermissionOutput, error) {
	q, err := s.queue(ctx, "RemovePermission", in.QueueUrl)
	if err != nil {
		return nil, err
	}
	if in.Label == nil || *in.Label == "" {
		return nil, errMissing("Label")
	}
	return nil, q.change(ctx, func(rec *record) error {
		doc, err := q.policyOf(rec)
		if err != nil {
			return err
		}
		n := len(doc.Statement)
		doc.Statement = slices.DeleteFunc(doc.Statement, func(st json.RawMessage) bool { return sidOf(st) == *in.Label })
		if len(doc.Statement) == n {
			return errValue("Label", *in.Label, "can't find label on existing policy.")
		}
		return rec.setPolicy(doc)
	}, nil, nil)
}
