//go:build plantedbugs

package s3_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/kv/plant"
)

func TestPlantedBugsAreFound(t *testing.T) {
	kvtest.FindPlanted(t, cutPower, map[string]plant.Bug{
		"body not synced":      plant.BodyNotSynced,
		"directory not synced": plant.DirectoryNotSynced,
		"shared body removed":  plant.SharedBodyRemoved,
	})
}
