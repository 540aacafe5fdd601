// Package customer is what the functions of the onboarding agree on: the
// customer, the event of a changed status, and how events are written and read.
package customer

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"

	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

// The states of a customer.
const (
	Draft    = "DRAFT"
	Approved = "APPROVED"
)

// The outcomes of the identification and verification.
const (
	Passed = "PASSED"
	Failed = "FAILED"
)

// Customer is an item of the customers' table.
type Customer struct {
	ID            string `dynamodbav:"id" json:"id"`
	Name          string `dynamodbav:"name" json:"name"`
	Country       string `dynamodbav:"country" json:"country"`
	BirthDate     string `dynamodbav:"birthDate" json:"birthDate"` // YYYY-MM-DD
	Status        string `dynamodbav:"status" json:"status"`
	Verification  string `dynamodbav:"verification,omitempty" json:"verification,omitempty"`
	Reason        string `dynamodbav:"reason,omitempty" json:"reason,omitempty"` // why the verification failed
	CorrelationID string `dynamodbav:"correlationId" json:"correlationId"`
}

// eventType is the metadata's type of our event and the name of its schema.
const eventType = "CustomerStatusChangedEvent"

// Event tells that a customer's status has changed.
type Event struct {
	Metadata Metadata `json:"metadata"`
	Body     Body     `json:"body"`
}

// Metadata is what every event has. The serde adds schemaVersionId on the wire.
type Metadata struct {
	Type          string `json:"type"`
	CorrelationID string `json:"correlationId"`
}

// Body is the change. A customer that is new has no old status.
type Body struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	OldStatus *string `json:"oldStatus"`
	NewStatus string  `json:"newStatus"`
}

// Changed is the event of c's change from the status old ("" for none) to its present one.
func Changed(c Customer, old string) Event {
	e := Event{Metadata{eventType, c.CorrelationID}, Body{ID: c.ID, Name: c.Name, NewStatus: c.Status}}
	if old != "" {
		e.Body.OldStatus = &old
	}
	return e
}

// UUID makes a UUID of a text: the same of the same, so that what is repeated has the same id.
func UUID(text string) string {
	h := sha256.Sum256([]byte(text))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // version 8, the RFC's variant
	return fmt.Sprintf("%x-%x-%x-%x-%x", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}

// Schema is the event's schema. The template registers the same text.
//
//go:embed event.schema.json
var Schema string

// Serde writes and reads events. Each event is checked against the schema in
// the registry REGISTRY, which must hold it, and stays JSON: the version's id is
// a field, metadata.schemaVersionId, so that event filters see what is inside.
func Serde(cfg aws.Config) (*serde.Serde[Event], error) {
	return serde.New[Event](
		registry.Glue(glue.NewFromConfig(cfg), registry.GlueRegistry(os.Getenv("REGISTRY"))),
		serde.Schema(schema.JSON, Schema),
		serde.Mode(registry.MustExist),
		serde.WireFormat(serde.JSONNode),
		serde.SubjectName(func(string, string) string { return eventType }),
	)
}

// Publisher puts events on the stream.
type Publisher struct {
	client *kinesis.Client
	stream string
	serde  *serde.Serde[Event]
}

// NewPublisher makes a Publisher to the stream STREAM.
func NewPublisher(cfg aws.Config) (*Publisher, error) {
	s, err := Serde(cfg)
	return &Publisher{kinesis.NewFromConfig(cfg), os.Getenv("STREAM"), s}, err
}

// Publish puts one event and returns when the stream has it. A customer's events keep their order.
func (p *Publisher) Publish(ctx context.Context, e Event) error {
	data, err := p.serde.Encode(ctx, p.stream, e)
	if err != nil {
		return err
	}
	_, err = p.client.PutRecord(ctx, &kinesis.PutRecordInput{StreamName: &p.stream, PartitionKey: &e.Body.ID, Data: data})
	return err
}
