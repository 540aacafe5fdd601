package serde_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/glue"

	"github.com/leatdev/leat"
	"github.com/leatdev/leat/eventpattern"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

const onboardingSchema = `{"$schema":"http://json-schema.org/draft-07/schema#","title":"CustomerStatusChangedEvent","type":"object",
	"properties":{
		"metadata":{"type":"object","properties":{"type":{"const":"CustomerStatusChangedEvent"},"correlationId":{"type":"string"}},"required":["type"]},
		"body":{"type":"object","properties":{"id":{"type":"string"},"newStatus":{"enum":["DRAFT","APPROVED"]}},"required":["id","newStatus"]}},
	"required":["metadata","body"]}`

// An event is checked against its schema in Glue, gets the id of the schema as a member of itself,
// and stays JSON that an event filter of AWS understands.
func Example_onboarding() {
	ctx := context.Background()
	platform, err := leat.Open(ctx, leat.Options{Memory: true})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = platform.Close(ctx) }()
	client := glue.New(glue.Options{
		Region: platform.Region(), BaseEndpoint: aws.String(platform.URL()), Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})

	events, err := serde.New[json.RawMessage](registry.Glue(client), serde.Schema(schema.JSON, onboardingSchema), serde.WireFormat(serde.JSONNode))
	if err != nil {
		log.Fatal(err)
	}
	event := `{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"c-1"},"body":{"id":"7","newStatus":"APPROVED","balance":1.50}}`
	data, err := events.Encode(ctx, "CustomerStatusChangedEvent", json.RawMessage(event))
	if err != nil {
		log.Fatal(err)
	}
	frame, err := serde.ParseFrame(data, "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.ReplaceAll(string(data), frame.ID.String(), "the UUID")) // random, so not for this page

	filter, err := eventpattern.CompileFilter(eventpattern.Kinesis, []string{`{"data":{"body":{"newStatus":["APPROVED"]}}}`})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(filter.Match(nil, data))

	back, err := events.Decode(ctx, data)
	fmt.Println(string(back) == event, err)

	_, err = events.Encode(ctx, "CustomerStatusChangedEvent", json.RawMessage(strings.Replace(event, "APPROVED", "CLOSED", 1)))
	fmt.Println(err)
	// Output:
	// {"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"c-1","schemaVersionId":"the UUID"},"body":{"id":"7","newStatus":"APPROVED","balance":1.50}}
	// matched
	// true <nil>
	// serde: the value does not conform to the schema: /body/newStatus: value must be one of 'DRAFT', 'APPROVED'
}
