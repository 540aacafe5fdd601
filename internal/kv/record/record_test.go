package record_test

import (
	"errors"
	"testing"

	"github.com/leatdev/leat/internal/kv"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/kv/record"
)

type thing struct{ Name string }

func TestARecordReadsAsItWasSaved(t *testing.T) {
	t.Parallel()
	store, key := kvtest.New(t), kv.Key(kv.SpaceTest, "a")
	err := store.Update(t.Context(), func(w kv.Txn) error { return record.Save(w, key, thing{"mill"}) })
	if err != nil {
		t.Fatal(err)
	}
	err = store.View(t.Context(), func(r kv.Reader) error {
		got, ok, err := record.Load[thing](r, key)
		if err != nil || !ok || got.Name != "mill" {
			t.Errorf("loaded %v, %v, %v", got, ok, err)
		}
		none, ok, err := record.Load[thing](r, kv.Key(kv.SpaceTest, "b"))
		if err != nil || ok || none != nil {
			t.Errorf("of an absent key: %v, %v, %v", none, ok, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsNoRecordIsCorruptAndNeverGuessedAt(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "\x02{}", "{}", "\x01", "\x01[", "\x01{\"Name\":1}"} {
		if rec, err := record.Decode[thing]([]byte(value)); !errors.Is(err, kv.ErrCorrupt) || rec != nil {
			t.Errorf("Decode(%q) = %v, %v", value, rec, err)
		}
	}
}
