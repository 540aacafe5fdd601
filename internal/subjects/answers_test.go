package subjects_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/leatdev/leat/internal/clock"
	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/subjects"
)

func TestLookUpsByIDSeeEveryChangeWhoeverMakesIt(t *testing.T) {
	t.Parallel()
	db := kvtest.New(t)
	reader, writer := subjects.New(db, clock.System()), subjects.New(db, clock.System()) // as two nodes over one store
	v := register(t, writer, "a", avro("x"))
	look := func() (subjects.Version, error) { return reader.ByID(context.Background(), name(""), v.ID) }
	for range 2 {
		if got, err := look(); err != nil || got.Subject != "a" || got.Deleted {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	register(t, writer, "b", avro("x"))
	if _, err := writer.DeleteSubject(context.Background(), name("a"), false); err != nil {
		t.Fatal(err)
	}
	if got, err := look(); err != nil || !got.Deleted {
		t.Errorf("after a soft deletion: %+v, %v", got, err)
	}
	if _, err := writer.DeleteSubject(context.Background(), name("a"), true); err != nil {
		t.Fatal(err)
	}
	if got, err := look(); err != nil || got.Subject != "b" {
		t.Errorf("after the first subject has gone: %+v, %v", got, err)
	}
	for _, permanent := range []bool{false, true} {
		if _, err := writer.DeleteSubject(context.Background(), name("b"), permanent); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := look(); kind(err) != subjects.SchemaNotFound {
		t.Errorf("after both have gone: %+v, %v", got, err)
	}
}

// The answers of the first thousand are kept; beyond that some give way.
func TestMoreSchemasAreLookedUpThanAreKept(t *testing.T) {
	t.Parallel()
	s := subjects.New(kvtest.New(t), clock.System())
	ids := make([]int, 1010)
	for i := range ids {
		ids[i] = register(t, s, fmt.Sprint("s", i), avro(fmt.Sprint("f", i))).ID
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2 * len(ids) {
				n := i % len(ids)
				if got, err := s.ByID(context.Background(), name(""), ids[n]); err != nil || got.Subject != fmt.Sprint("s", n) {
					t.Errorf("%d: %+v, %v", n, got, err)
					return
				}
			}
		})
	}
	wg.Wait()
}
