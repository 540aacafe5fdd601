package customer_test

import (
	"os"
	"strings"
	"testing"

	"github.com/leatdev/leat/examples/onboarding/customer"
	"github.com/leatdev/leat/schema"
)

func TestTheTemplateRegistersTheSchemaThatTheCodeWritesWith(t *testing.T) {
	t.Parallel()
	template, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var indented strings.Builder
	for line := range strings.Lines(strings.TrimSpace(customer.Schema)) {
		indented.WriteString("        " + line)
	}
	if !strings.Contains(string(template), "SchemaDefinition: |-\n"+indented.String()+"\n") {
		t.Error("template.yaml does not hold the text of customer/event.schema.json: producers would not find their schema")
	}
}

func TestEventsAreWhatTheSchemaSays(t *testing.T) {
	t.Parallel()
	s, err := schema.Parse(schema.JSON, customer.Schema, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for doc, ok := range map[string]bool{
		`{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"00000000-0000-4000-8000-000000000000"},"body":{"id":"customer-123","name":"Ada","oldStatus":"DRAFT","newStatus":"APPROVED"}}`: true,
		`{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"00000000-0000-4000-8000-000000000000"},"body":{"id":"customer-123","name":"Ada","oldStatus":null,"newStatus":"DRAFT"}}`:       true,
		`{"metadata":{"type":"CustomerStatusChangedEvent","correlationId":"00000000-0000-4000-8000-000000000000"},"body":{"id":"customer-123","name":"Ada","oldStatus":"DRAFT","newStatus":"LOST"}}`:     false,
		`{"metadata":{"type":"CustomerStatusChangedEvent"},"body":{"id":"customer-123","name":"Ada","oldStatus":"DRAFT","newStatus":"APPROVED"}}`:                                                        false,
		`{"body":{"id":"customer-123","name":"Ada","oldStatus":"DRAFT","newStatus":"APPROVED"}}`:                                                                                                         false,
	} {
		if err := s.ValidateJSON([]byte(doc)); (err == nil) != ok {
			t.Errorf("%s: valid=%t, want %t: %v", doc, err == nil, ok, err)
		}
	}
}

func TestTheSameTextGivesTheSameUUID(t *testing.T) {
	t.Parallel()
	a, b := customer.UUID("a"), customer.UUID("b")
	if a != customer.UUID("a") || a == b || len(a) != 36 || a[14] != '8' {
		t.Errorf("UUID gives %s and %s", a, b)
	}
}
