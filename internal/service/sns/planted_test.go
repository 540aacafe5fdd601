//go:build plantedbugs

package sns_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/kv/plant"
)

func TestPlantedBugsAreFound(t *testing.T) {
	kvtest.FindPlanted(t, cutPower, map[string]plant.Bug{
		"message not written":     plant.MessageNotWritten,
		"message forgotten early": plant.MessageForgottenEarly,
		"group not in turn":       plant.GroupNotInTurn,
	})
}
