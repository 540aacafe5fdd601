package systemtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/glue"
	gluetypes "github.com/aws/aws-sdk-go-v2/service/glue/types"
	kintypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/leattest"
	"github.com/leatdev/leat/registry"
	"github.com/leatdev/leat/schema"
	"github.com/leatdev/leat/serde"
)

const (
	registryARN    = "arn:aws:glue:us-east-1:000000000000:registry/onboarding"
	customerSchema = `{"type":"object","properties":{"metadata":{"type":"object"},"body":{"type":"object","properties":{"id":{"type":"string"},"newStatus":{"enum":["DRAFT","APPROVED"]}},"required":["id","newStatus"]}},"required":["metadata","body"],"additionalProperties":false}`

	tagRegistry = "leat:schema-registry"
	tagFormat   = "leat:record-format"
)

type customerEvent struct {
	Metadata map[string]string `json:"metadata"`
	Body     customerBody      `json:"body"`
}

type customerBody struct {
	ID        string `json:"id"`
	NewStatus string `json:"newStatus"`
}

// customerSerde registers the customers' schema and writes events in one of its formats.
func (w *world) customerSerde(opts ...serde.Option) *serde.Serde[customerEvent] {
	w.t.Helper()
	g := glue.NewFromConfig(w.cfg)
	must(g.CreateRegistry(w.t.Context(), &glue.CreateRegistryInput{RegistryName: ptr("onboarding")}))(w.t)
	must(g.CreateSchema(w.t.Context(), &glue.CreateSchemaInput{
		RegistryId: &gluetypes.RegistryId{RegistryName: ptr("onboarding")}, SchemaName: ptr("customer"), DataFormat: gluetypes.DataFormatJson,
		Compatibility: gluetypes.CompatibilityBackward, SchemaDefinition: ptr(customerSchema),
	}))(w.t)
	return must(serde.New[customerEvent](registry.Glue(g, registry.GlueRegistry("onboarding")), append([]serde.Option{
		serde.Schema(schema.JSON, customerSchema), serde.Mode(registry.MustExist), serde.SubjectName(func(string, string) string { return "customer" }),
	}, opts...)...))(w.t)
}

// customers are the events of n customers: all become DRAFT, and every third APPROVED.
func customers(t *testing.T, s *serde.Serde[customerEvent], n int) (out []kintypes.PutRecordsRequestEntry, approved int) {
	t.Helper()
	add := func(i int, status string) {
		id := fmt.Sprintf("c-%d", i)
		data := must(s.Encode(t.Context(), "customers", customerEvent{map[string]string{"type": "CustomerStatusChanged"}, customerBody{id, status}}))(t)
		out = append(out, kintypes.PutRecordsRequestEntry{PartitionKey: &id, Data: data})
	}
	for i := range n {
		add(i, "DRAFT")
		if i%3 == 0 {
			add(i, "APPROVED")
			approved++
		}
	}
	return out, approved
}

// decodedByTags has a mapping decode its records, as a template that AWS takes too would.
func decodedByTags(format string) func(*lambda.CreateEventSourceMappingInput) {
	return func(in *lambda.CreateEventSourceMappingInput) {
		in.Tags = map[string]string{tagRegistry: registryARN, tagFormat: format}
	}
}

// decodedByConfig does so by the API's own member.
func decodedByConfig(uri string, format lambdatypes.SchemaRegistryEventRecordFormat) func(*lambda.CreateEventSourceMappingInput) {
	return func(in *lambda.CreateEventSourceMappingInput) {
		in.AmazonManagedKafkaEventSourceConfig = &lambdatypes.AmazonManagedKafkaEventSourceConfig{SchemaRegistryConfig: &lambdatypes.KafkaSchemaRegistryConfig{
			SchemaRegistryURI: &uri, EventRecordFormat: format,
			SchemaValidationConfigs: []lambdatypes.KafkaSchemaValidationConfig{{Attribute: lambdatypes.KafkaSchemaValidationAttributeValue}},
		}}
	}
}

func TestEachOnboardingFunctionRunsForItsStatusOnly(t *testing.T) {
	t.Parallel()
	const n = 30
	framed := []serde.Option{serde.WireFormat(serde.Glue)}
	for name, c := range map[string]struct {
		frame   []serde.Option
		decode  func(*lambda.CreateEventSourceMappingInput)
		deliver string // what the function's data holds: "json", "put"
	}{
		"JSON with the schema's id in its metadata":       {[]serde.Option{serde.WireFormat(serde.JSONNode)}, nil, "put"},
		"Glue's prefix, decoded, by tags":                 {framed, decodedByTags("JSON"), "json"},
		"Glue's prefix, decoded, by SchemaRegistryConfig": {framed, decodedByConfig(registryARN, lambdatypes.SchemaRegistryEventRecordFormatJson), "json"},
		"Glue's prefix, the source":                       {framed, decodedByTags("SOURCE"), "json"},
		"Glue's prefix, unchanged":                        {append(framed, serde.Compress()), decodedByTags("UNCHANGED"), "put"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			stream := w.stream("customers", 2)
			records, approved := customers(t, w.customerSerde(c.frame...), n)
			put := map[string]bool{}
			for _, r := range records {
				put[string(r.Data)] = true
			}
			var verify, activate, all tally
			mapping := func(name, pattern string, seen *tally) {
				fn := w.function(name, func(e event) (any, error) {
					for _, r := range e.Records {
						seen.add(r.Kinesis.PartitionKey)
						if c.deliver == "put" != put[r.data()] {
							t.Errorf("delivered %q", r.data())
						}
						var v customerEvent
						if err := json.Unmarshal(r.Kinesis.Data, &v); c.deliver == "json" && (err != nil || v.Body.ID != r.Kinesis.PartitionKey) {
							t.Errorf("delivered %q (%v)", r.data(), err)
						}
					}
					all.add(name)
					return nil, nil
				})
				w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
					in.BatchSize, in.FilterCriteria = ptr(int32(1)), filters(pattern)
					if c.decode != nil {
						c.decode(in)
					}
				})
			}
			mapping("verify", `{"data":{"body":{"newStatus":["DRAFT"]}}}`, &verify)
			mapping("activate", `{"data":{"body":{"newStatus":["APPROVED"]}}}`, &activate)
			w.put("customers", records...)
			verify.reaches(t, n)
			activate.reaches(t, approved)
			leattest.Eventually(t, func(context.Context) error {
				if v, a := all.of("verify"), all.of("activate"); v < n || a < approved {
					return fmt.Errorf("%d and %d invocations", v, a)
				}
				return nil
			})
			if v, a := all.of("verify"), all.of("activate"); v != n || a != approved || verify.total() != n || activate.total() != approved {
				t.Errorf("%d and %d invocations for %d and %d records", v, a, verify.total(), activate.total())
			}
		})
	}
}

func TestARecordThatCannotBeDecodedGoesToTheFailureDestination(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stream := w.stream("customers", 1)
	url, arn := w.queue("failed", nil)
	good, _ := customers(t, w.customerSerde(serde.WireFormat(serde.Glue)), 1)
	var seen tally
	fn := w.function("verify", func(e event) (any, error) {
		for _, r := range e.Records {
			seen.add(r.Kinesis.PartitionKey)
		}
		return nil, nil
	})
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		decodedByTags("JSON")(in)
		in.FilterCriteria, in.DestinationConfig = filters(`{"data":{"body":{"newStatus":["DRAFT"]}}}`), onFailure(arn)
	})
	sequences := w.put("customers", record("bad", "no schema id at all"), good[0])
	var got report
	if err := json.Unmarshal([]byte(w.receive(url)), &got); err != nil {
		t.Fatal(err)
	}
	if got.KinesisBatchInfo.StartSequenceNumber != sequences[0] || got.KinesisBatchInfo.BatchSize != 1 || got.RequestContext.Reason == "" {
		t.Errorf("%+v", got)
	}
	seen.reaches(t, 1)
	if seen.of("bad") != 0 || seen.total() != 1 {
		t.Errorf("the function saw %v", seen.sequence())
	}
}

func TestPaymentsOfTheConfluentRegistryAreReadByTheirKey(t *testing.T) {
	t.Parallel()
	type payment struct {
		ID     string `avro:"id"`
		Amount int64  `avro:"amount"`
	}
	w := newWorld(t)
	w.table("payments")
	stream := w.stream("payments", 2)
	s := must(serde.New[payment](registry.Confluent(w.registry),
		serde.Schema(schema.Avro, `{"type":"record","name":"Payment","fields":[{"name":"id","type":"string"},{"name":"amount","type":"long"}]}`)))(t)
	fn := w.python("project", "project.handler", map[string]string{"TABLE": "payments"})
	w.mapping(stream, fn, func(in *lambda.CreateEventSourceMappingInput) {
		decodedByConfig(w.registry, lambdatypes.SchemaRegistryEventRecordFormatJson)(in)
		in.FilterCriteria = filters(`{"data":{"amount":[{"numeric":[">",100]}]}}`)
	})
	var records []kintypes.PutRecordsRequestEntry
	for i := range int64(6) { // 50, 100 … 300: four of them above 100
		id := fmt.Sprintf("p-%d", i)
		data := must(s.Encode(t.Context(), "payments", payment{id, 50 * (i + 1)}))(t)
		if !bytes.HasPrefix(data, []byte{0}) || strings.Contains(string(data), "amount") {
			t.Fatalf("%q is not Avro in Confluent's frame", data)
		}
		records = append(records, kintypes.PutRecordsRequestEntry{PartitionKey: &id, Data: data})
	}
	w.put("payments", records...)
	for i := 2; i < 6; i++ {
		item := w.item("payments", fmt.Sprintf("p-%d", i))
		if n, ok := item["amount"].(*ddbtypes.AttributeValueMemberN); !ok || n.Value != fmt.Sprint(50*(i+1)) {
			t.Errorf("payment %d is %v", i, item)
		}
	}
	if got := w.scan("payments"); len(got) != 4 {
		t.Errorf("the table holds %v", got)
	}
}
