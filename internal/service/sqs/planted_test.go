//go:build plantedbugs

package sqs_test

import (
	"testing"

	"github.com/leatdev/leat/internal/kv/kvtest"
	"github.com/leatdev/leat/internal/kv/plant"
)

func TestPlantedBugsAreFound(t *testing.T) {
	kvtest.FindPlanted(t, cutPower, map[string]plant.Bug{
		"message not written": plant.MessageNotWritten,
		"deletion forgotten":  plant.DeletionForgotten,
		"group not locked":    plant.GroupNotLocked,
	})
}
