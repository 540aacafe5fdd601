package eventpattern_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/leatdev/leat/eventpattern"
)

func filter(t testing.TB, source eventpattern.Source, patterns ...string) *eventpattern.Filter {
	t.Helper()
	f, err := eventpattern.CompileFilter(source, patterns)
	if err != nil {
		t.Fatalf("CompileFilter(%q): %v", patterns, err)
	}
	return f
}

func TestFiltersLookIntoThePayloadOfEachSource(t *testing.T) {
	t.Parallel()
	const kinesisMeta = `{"kinesisSchemaVersion":"1.0","partitionKey":"1","sequenceNumber":"495","approximateArrivalTimestamp":1545084650.987}`
	const event = `{"metadata":{"type":"CustomerStatusChangedEvent"},"body":{"id":"customer-123","oldStatus":"DRAFT","newStatus":"APPROVED"}}`
	const dynamo = `{"eventID":"1","eventName":"INSERT","dynamodb":{"Keys":{"Id":{"N":"101"}},"NewImage":{"Id":{"N":"101"}}}}`
	const sqsMeta = `{"messageId":"m","attributes":{"SenderId":"A"}}`
	k, d, q := eventpattern.Kinesis, eventpattern.DynamoDB, eventpattern.SQS
	matched, unmatched, notJSON := eventpattern.Matched, eventpattern.Unmatched, eventpattern.NotJSON
	for _, c := range []struct {
		source        eventpattern.Source
		pattern       string
		meta, payload string
		want          eventpattern.Verdict
	}{
		{k, `{"data":{"body":{"newStatus":["APPROVED"]}}}`, kinesisMeta, event, matched},
		{k, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, kinesisMeta, event, unmatched},
		{k, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, kinesisMeta, "\x03\x00" + event, notJSON},
		{k, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, kinesisMeta, "plain", notJSON},
		{k, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, kinesisMeta, "", notJSON},
		{k, `{"data":{"body":{"newStatus":["DRAFT"]}}}`, kinesisMeta, event + "}", notJSON},
		{k, `{"data":{"a":[{"exists":false}]}}`, kinesisMeta, "plain", notJSON},
		{k, `{"data":{"a":[{"exists":false}]}}`, kinesisMeta, `{"b":1}`, matched},
		{k, `{"data":{"a":[{"exists":false}]}}`, kinesisMeta, `[{"b":1},{"c":1}]`, matched},
		{k, `{"data":{"a":[{"exists":false}]}}`, kinesisMeta, `[{"b":1},{"a":1}]`, unmatched},
		{k, `{"partitionKey":["1"]}`, kinesisMeta, "plain", matched},
		{k, `{"partitionKey":["2"]}`, kinesisMeta, event, unmatched},
		{k, `{"partitionKey":["1"],"data":{"body":{"newStatus":["APPROVED"]}}}`, kinesisMeta, event, matched},
		{k, `{"partitionKey":["2"],"data":{"body":{"newStatus":["APPROVED"]}}}`, kinesisMeta, event, unmatched},
		{d, `{"dynamodb":{"Keys":{"Id":{"N":["101"]}}}}`, dynamo, "", matched},
		{d, `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"Id":{"N":["102"]}}}}`, dynamo, "", unmatched},
		{d, `{"eventName":[{"anything-but":["REMOVE"]}]}`, dynamo, "", matched},
		{q, `{"body":{"body":{"id":["customer-123"]}}}`, sqsMeta, event, matched},
		{q, `{"body":{"body":{"id":["customer-123"]}}}`, sqsMeta, "plain", notJSON},
		{q, `{"body":["plain"]}`, sqsMeta, "plain", matched},
		{q, `{"body":[{"prefix":"pl"}]}`, sqsMeta, "plain", matched},
		{q, `{"body":["other"]}`, sqsMeta, "plain", unmatched},
		{q, `{"body":[{"prefix":"{"}]}`, sqsMeta, event, unmatched}, // JSON against a plain filter is dropped
		{q, `{"attributes":{"SenderId":["A"]}}`, sqsMeta, "plain", matched},
		{q, `{"attributes":{"SenderId":["A"]},"body":["12"]}`, sqsMeta, "12", matched},
	} {
		f := filter(t, c.source, c.pattern)
		if got := f.Match([]byte(c.meta), []byte(c.payload)); got != c.want {
			t.Errorf("%s on %s %q: %v, want %v", c.pattern, c.meta, c.payload, got, c.want)
		}
	}
}

func TestARecordNeedsToSatisfyOnlyOneFilter(t *testing.T) {
	t.Parallel()
	f := filter(t, eventpattern.Kinesis, `{"data":{"a":[1]}}`, `{"partitionKey":["p"]}`, `{"data":{"a":[2]}}`)
	meta := func(key string) []byte { return []byte(`{"partitionKey":"` + key + `"}`) }
	if f.Match(meta("q"), []byte(`{"a":2}`)) != eventpattern.Matched {
		t.Error("the third filter did not match")
	}
	if f.Match(meta("p"), []byte(`no JSON`)) != eventpattern.Matched {
		t.Error("the metadata filter did not match beside payload filters")
	}
	if f.Match(meta("q"), []byte(`no JSON`)) != eventpattern.NotJSON {
		t.Error("a record without JSON was not reported as such")
	}
	if f.Match([]byte(`broken`), []byte(`{"a":2}`)) != eventpattern.Unmatched {
		t.Error("broken metadata matched")
	}
}

func TestAFilterSaysWhatItNeeds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		source            eventpattern.Source
		patterns          []string
		metadata, payload bool
	}{
		{eventpattern.Kinesis, nil, false, false},
		{eventpattern.Kinesis, []string{`{"data":{"a":[1]}}`}, false, true},
		{eventpattern.Kinesis, []string{`{"partitionKey":["a"]}`}, true, false},
		{eventpattern.Kinesis, []string{`{"$or":[{"data":{"a":[1]}},{"partitionKey":["a"]}]}`}, true, true},
		{eventpattern.DynamoDB, []string{`{"dynamodb":{"a":[1]}}`}, true, false},
		{eventpattern.SQS, []string{`{"body":["a"]}`}, false, true},
	} {
		f := filter(t, c.source, c.patterns...)
		if f.NeedsMetadata() != c.metadata || f.NeedsPayload() != c.payload || f.MatchesAll() != (c.patterns == nil) {
			t.Errorf("%q: needs metadata %v, payload %v", c.patterns, f.NeedsMetadata(), f.NeedsPayload())
		}
		if c.patterns == nil && f.Match(nil, nil) != eventpattern.Matched {
			t.Error("no filters must match everything")
		}
	}
}

func TestFiltersThatAreRefused(t *testing.T) {
	t.Parallel()
	compile := func(source eventpattern.Source, patterns ...string) error {
		_, err := eventpattern.CompileFilter(source, patterns)
		return err
	}
	if err := compile(eventpattern.Kinesis, `{"data":["plain"]}`); !errors.Is(err, eventpattern.ErrPlainPayload) {
		t.Errorf("a plain filter on Kinesis data: %v", err)
	}
	if err := compile(eventpattern.SQS, `{"$or":[{"body":["x"]},{"body":{"a":[1]}}]}`); !errors.Is(err, eventpattern.ErrMixedPayload) {
		t.Errorf("a filter of both kinds: %v", err)
	}
	if err := compile(eventpattern.SQS, `{"body":`); err == nil {
		t.Error("broken JSON compiled")
	}
	sized := func(n int) string { return `{"a":["` + strings.Repeat("é", n-len(`{"a":[""]}`)) + `"]}` }
	if err := compile(eventpattern.SQS, sized(eventpattern.MaxFilterBytes)); err != nil {
		t.Errorf("a filter at the limit: %v", err)
	}
	if err := compile(eventpattern.SQS, sized(eventpattern.MaxFilterBytes+1)); err == nil {
		t.Error("a filter past the limit compiled")
	}
	many := make([]string, eventpattern.MaxFilters+1)
	for i := range many {
		many[i] = `{"a":[1]}`
	}
	if err := compile(eventpattern.SQS, many[:eventpattern.MaxFilters]...); err != nil {
		t.Errorf("as many filters as allowed: %v", err)
	}
	if err := compile(eventpattern.SQS, many...); err == nil {
		t.Error("one filter too many compiled")
	}
}

func TestVerdictsHaveNames(t *testing.T) {
	t.Parallel()
	if s := eventpattern.Unmatched.String() + eventpattern.Matched.String() + eventpattern.NotJSON.String(); s != "unmatchedmatchednot JSON" {
		t.Error(s)
	}
}
