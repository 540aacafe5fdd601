package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseWhen reads a moment as people write one: "10m", "2h30m" or "3d" (that
// long ago), "14:02" or "14:02:30" (the last time the clock showed it), or RFC 3339.
func parseWhen(s string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		t, err := time.ParseInLocation(layout, s, now.Location())
		if err != nil {
			continue
		}
		at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	if d, err := parseAgo(s); err == nil {
		return now.Add(-d), nil
	}
	return time.Time{}, usageError{fmt.Errorf("%q is not a time: write 10m, 14:02 or 2026-01-02T15:04:05Z", s)}
}

// maxAgoDays keeps "days ago" inside what a time.Duration can hold.
const maxAgoDays = 36500

// parseAgo is time.ParseDuration with days.
func parseAgo(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 32)
		if err != nil || n > maxAgoDays {
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		return 0, fmt.Errorf("%q lies in the future", s)
	}
	return d, err
}
