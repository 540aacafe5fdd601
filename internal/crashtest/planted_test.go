//go:build plantedbugs

package crashtest_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/plant"
)

// maxPlantedSeeds is how many power cuts may pass before a planted bug must have shown.
const maxPlantedSeeds = 100

// TestThePowerCutsFindPlantedBugs is the test of the test. A bug is planted in the
// whole process, so this one does not run beside others.
func TestThePowerCutsFindPlantedBugs(t *testing.T) {
	for name, bug := range map[string]plant.Bug{
		"an fsync skipped":                     plant.FsyncSkipped,
		"a reader not capped":                  plant.ReaderNotCapped,
		"a sequence number reused":             plant.SequenceReused,
		"an acknowledgement before the commit": plant.AckBeforeCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plant.Set(bug)
			defer plant.Set(0)
			for seed := range uint64(maxPlantedSeeds) {
				if err := cutPower(seed, 2); err != nil {
					t.Logf("found: %v", err)
					return
				}
			}
			t.Fatal("the harness did not notice")
		})
	}
}

// TestThePowerCutsOfTablesFindPlantedBugs is the same for the histories of a table.
func TestThePowerCutsOfTablesFindPlantedBugs(t *testing.T) {
	for name, bug := range map[string]plant.Bug{
		"an fsync skipped":                     plant.FsyncSkipped,
		"an acknowledgement before the commit": plant.AckBeforeCommit,
	} {
		t.Run(name, func(t *testing.T) {
			plant.Set(bug)
			defer plant.Set(0)
			for seed := range uint64(maxPlantedSeeds) {
				if err := cutTablePower(seed, 3); err != nil {
					t.Logf("found: %v", err)
					return
				}
			}
			t.Fatal("the harness did not notice")
		})
	}
}
