package eventsource_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/leatdev/leat/internal/service/eventsource"
)

func TestThereAreOnlySoManyMappings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	if err := eventsource.Seed(ctx, w.store, eventsource.MaxMappings-1); err != nil {
		t.Fatal(err)
	}
	w.create(func(in *input) { in.Enabled = ptr(false) })
	_, err := w.s.CreateEventSourceMapping(ctx, &input{
		FunctionName: ptr("other"), EventSourceArn: ptr(streamARN), StartingPosition: types.EventSourcePositionLatest,
	})
	wantError(t, err, "TooManyRequestsException", "")
}

func TestAPageOfAListHoldsAHundred(t *testing.T) {
	t.Parallel()
	for n, more := range map[int]bool{eventsource.MaxListItems: false, eventsource.MaxListItems + 1: true} {
		w := newWorld(t)
		if err := eventsource.Seed(context.Background(), w.store, n); err != nil {
			t.Fatal(err)
		}
		out, err := w.s.ListEventSourceMappings(context.Background(), &sdk.ListEventSourceMappingsInput{MaxItems: ptr(int32(10_000))})
		if err != nil || len(out.EventSourceMappings) != eventsource.MaxListItems || (out.NextMarker != nil) != more {
			t.Errorf("%d mappings: %d on the page, marker %v, %v", n, len(out.EventSourceMappings), out.NextMarker, err)
		}
	}
}

// FuzzAppendString demands what any JSON reader makes of what events write.
func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "plain", "q\"\\\n\r\t\x00\x1f\x7f", "é😀\u2028", "\xff\xfe", "a\xc3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		b := eventsource.AppendString(nil, s)
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if want := strings.ToValidUTF8(s, ""); strings.ReplaceAll(got, "\ufffd", "") != strings.ReplaceAll(want, "\ufffd", "") {
			t.Errorf("%q became %q", s, got)
		}
	})
}
