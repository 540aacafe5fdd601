package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestTheScriptPrintsThatAllIsAsItMustBe(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := run(t.Context(), "", &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"999 of 1000 records handled", "1000 of 1000 records handled", `"condition": "RetryAttemptsExhausted"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
}
