//go:build plantedbugs

package kvtest

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/plant"
)

// maxPlantedSeeds is how many power cuts may pass before a planted bug must have shown.
const maxPlantedSeeds = 200

// FindPlanted tests a test of power cuts: it plants each of the bugs, and those
// of the store, and fails where no seed's cut reports an error. A bug is
// planted in the whole process, so this does not run beside other tests.
func FindPlanted(t *testing.T, cut func(t testing.TB, seed uint64) error, bugs map[string]plant.Bug) {
	t.Helper()
	all := map[string]plant.Bug{"an fsync skipped": plant.FsyncSkipped, "an acknowledgement before the commit": plant.AckBeforeCommit}
	for name, bug := range bugs {
		all[name] = bug
	}
	for name, bug := range all {
		t.Run(name, func(t *testing.T) {
			plant.Set(bug)
			defer plant.Set(0)
			for seed := range uint64(maxPlantedSeeds) {
				if err := cut(t, seed); err != nil {
					t.Logf("seed %d found: %v", seed, err)
					return
				}
			}
			t.Fatal("the harness did not notice")
		})
	}
}
