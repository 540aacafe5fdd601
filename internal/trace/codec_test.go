package trace

import (
	"reflect"
	"testing"
	"time"
)

func TestHopsComeBack(t *testing.T) {
	t.Parallel()
	h := Hop{
		Time: time.Unix(5, 6).UTC(), Operation: "PutRecords", Error: "Throttled",
		Causes:  []Group{{Kind: Invocation, Name: "fn", IDs: []string{"r"}}},
		Effects: []Group{{Kind: Record, Name: "s", Shard: "0", IDs: []string{"1001", "1002", "99", "", "1003"}}, {Kind: Item, IDs: []string{"x"}}},
	}
	got, err := decodeHop(h.append(nil))
	if err != nil || !reflect.DeepEqual(got, h) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func FuzzDecodeHop(f *testing.F) {
	h := Hop{Time: time.Unix(5, 6), Operation: "PutRecords", Causes: []Group{{Kind: Record, Name: "s", Shard: "0", IDs: []string{"1001", "1002"}}}}
	f.Add(h.append(nil))
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHop(b)
		if err != nil {
			return
		}
		again, err := decodeHop(h.append(nil))
		if err != nil || !reflect.DeepEqual(h, again) {
			t.Errorf("%+v became %+v, %v", h, again, err)
		}
	})
}
