//go:build plantedbugs

package sns_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/plant"
	"github.com/leatdev/leat/internal/service/sns"
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
	for _, bug := range []string{"message not written", "message forgotten early", "group not in turn"} {
		t.Run(bug, func(t *testing.T) {
			sns.Plant(bug)
			defer sns.Plant("")
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
