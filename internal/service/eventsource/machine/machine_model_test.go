package machine_test

import (
	"flag"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

var modelSchedules = flag.Int("model.schedules", 3000, "random schedules to play with the machine")

func TestTheMachineKeepsItsPromisesOverRandomSchedules(t *testing.T) {
	t.Parallel()
	for seed := range *modelSchedules {
		s := schedules.Example(seed)
		if err := play(s, machine.PlantNone); err != nil {
			t.Fatalf("seed %d: %v\n%+v", seed, err, s)
		}
	}
}

// The same with rapid's shrinking, which makes a failure readable.
func TestTheMachineKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		if err := play(schedules.Draw(t, "schedule"), machine.PlantNone); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheModelFindsPlantedBugs(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]machine.Plant{
		"checkpoint one early":         machine.PlantEarlyCheckpoint,
		"bisect dropping a half":       machine.PlantLostHalf,
		"window state lost":            machine.PlantLostState,
		"filter applied after batches": machine.PlantLateFilter,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range *modelSchedules {
				if err := play(schedules.Example(seed), plant); err != nil {
					t.Logf("found by schedule %d: %v", seed, err)
					return
				}
			}
			t.Errorf("%d schedules did not find it", *modelSchedules)
		})
	}
}

// A stream that is resharded at random: each shard is a list of (key, version)
// records, and a child continues the keys of its parents.
type stream struct {
	shards  []machine.Shard
	records map[string][]keyed
}

type keyed struct{ key, version int }

var streams = rapid.Custom(func(t *rapid.T) stream {
	s := stream{records: map[string][]keyed{}}
	next := map[int]int{}
	newShard := func(keys []int, parents ...string) string {
		id := fmt.Sprintf("shard-%d", len(s.shards))
		s.shards = append(s.shards, machine.Shard{ID: id, Parents: parents})
		for range rapid.IntRange(0, 4).Draw(t, "records") {
			if len(keys) > 0 {
				k := rapid.SampledFrom(keys).Draw(t, "key")
				s.records[id] = append(s.records[id], keyed{k, next[k]})
				next[k]++
			}
		}
		return id
	}
	type leaf struct {
		id   string
		keys []int
	}
	leaves := []leaf{{newShard([]int{0, 1, 2, 3}), []int{0, 1, 2, 3}}}
	for range rapid.IntRange(0, 6).Draw(t, "reshards") {
		i := rapid.IntRange(0, len(leaves)-1).Draw(t, "which")
		l := leaves[i]
		if len(leaves) > 1 && rapid.Bool().Draw(t, "merge") {
			j := (i + 1) % len(leaves)
			keys := slices.Concat(l.keys, leaves[j].keys)
			merged := leaf{newShard(keys, l.id, leaves[j].id), keys}
			leaves = slices.Delete(leaves, max(i, j), max(i, j)+1)
			leaves[min(i, j)] = merged
			continue
		}
		cut := len(l.keys) / 2
		leaves[i] = leaf{newShard(l.keys[:cut], l.id), l.keys[:cut]}
		leaves = append(leaves, leaf{newShard(l.keys[cut:], l.id), l.keys[cut:]})
	}
	// The oldest shards may have been trimmed away by now.
	gone := rapid.IntRange(0, len(s.shards)/2).Draw(t, "trimmed")
	s.shards = s.shards[gone:]
	return s
})

// consume reads the shards in any order that Runnable allows, one record at a
// time, and demands that each key's versions come in order.
func consume(s stream, pick func(n int) int, plant machine.Plant) error {
	read, finished, seen := map[string]int{}, map[string]bool{}, map[int]int{}
	for {
		ready := machine.RunnableWithPlant(s.shards, func(id string) bool { return finished[id] }, plant)
		if len(ready) == 0 {
			break
		}
		id := ready[pick(len(ready))].ID
		if read[id] == len(s.records[id]) {
			finished[id] = true
			continue
		}
		r := s.records[id][read[id]]
		read[id]++
		if last, ok := seen[r.key]; ok && r.version < last {
			return fmt.Errorf("key %d: version %d after %d", r.key, r.version, last)
		}
		seen[r.key] = r.version
	}
	for _, sh := range s.shards {
		if !finished[sh.ID] {
			return fmt.Errorf("%s was never read", sh.ID)
		}
	}
	return nil
}

func TestParentShardsGoBeforeTheirChildren(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := streams.Draw(t, "stream")
		pick := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "pick") }
		if err := consume(s, pick, machine.PlantNone); err != nil {
			t.Fatal(err)
		}
	})
	found := false
	for seed := range 200 {
		// Always the newest of those allowed: the order that trusts Runnable most.
		newest := func(n int) int { return n - 1 }
		found = found || consume(streams.Example(seed), newest, machine.PlantChildFirst) != nil
	}
	if !found {
		t.Error("a child before its parent went unnoticed")
	}
}
