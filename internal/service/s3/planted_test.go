//go:build plantedbugs

package s3_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/plant"
	"github.com/leatdev/leat/internal/service/s3"
)

// TestPlantedBugsAreFound is the test of the power-cut test. A bug is planted in
// the whole process, so this one does not run beside others.
func TestPlantedBugsAreFound(t *testing.T) {
	find := func(t *testing.T) {
		for seed := range uint64(200) {
			if err := cutPower(t, seed); err != nil {
				t.Logf("seed %d found: %v", seed, err)
				return
			}
		}
		t.Fatal("the harness did not notice")
	}
	for _, bug := range []string{"body not synced", "directory not synced", "shared body removed"} {
		t.Run(bug, func(t *testing.T) {
			s3.Plant(bug)
			defer s3.Plant("")
			find(t)
		})
	}
	for name, bug := range map[string]plant.Bug{"an fsync skipped": plant.FsyncSkipped, "an acknowledgement before the commit": plant.AckBeforeCommit} {
		t.Run(name, func(t *testing.T) {
			plant.Set(bug)
			defer plant.Set(0)
			find(t)
		})
	}
}
