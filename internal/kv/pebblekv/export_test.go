package pebblekv

import "github.com/cockroachdb/pebble/v2"

// FormatSteps lets a test have a format of its own; it returns the way back.
func FormatSteps(steps []func(*pebble.DB) error) (restore func()) {
	old := formatSteps
	formatSteps = steps
	return func() { formatSteps = old }
}
