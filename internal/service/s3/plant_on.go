//go:build plantedbugs

package s3

import "sync/atomic"

var plantedBug atomic.Value

// planted tells whether a mistake is to be made.
func planted(name string) bool { return plantedBug.Load() == name }

// Plant chooses one mistake for the whole process; "" is none.
func Plant(name string) { plantedBug.Store(name) }
