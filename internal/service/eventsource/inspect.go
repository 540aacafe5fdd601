package eventsource

import (
	"maps"
	"slices"
	"strings"

	"github.com/leatdev/leat/internal/service/eventsource/machine"
)

// Inspection is what a mapping did since it was last enabled or changed, for
// the console and for metrics. Figures are records but for Invocations.
type Inspection struct {
	UUID, SourceARN, FunctionARN string

	Polled      int64 // read from the source
	FilteredOut int64 // not selected by the filters,
	NotJSON     int64 // of them those that a data filter met and that are no JSON
	Rejected    int64 // could not be decoded by their schema
	Invoked     int64 // given to the function, retries counted again
	Failed      int64 // of them in invocations that failed
	Dropped     int64 // given up without a failure destination to take them
	Delivered   int64 // reported to the failure destination
	Deleted     int64 // messages deleted from the queue
	Invocations int64
	Shards      map[string]ShardStatus
}

// ShardStatus is how far a mapping is in a shard.
type ShardStatus struct {
	// Position is the sequence number of the last record that is done.
	Position string
	// Ended says that the shard has no more records to read.
	Ended bool
	Stats machine.Stats
}

// Inspect describes the work of a mapping that is enabled.
func (s *Service) Inspect(uuid string) (Inspection, bool) {
	s.mu.Lock()
	r := s.runners[uuid]
	s.mu.Unlock()
	if r == nil {
		return Inspection{}, false
	}
	c := &r.counts
	in := Inspection{
		UUID: uuid, SourceARN: r.mapping.SourceARN, FunctionARN: r.mapping.FunctionARN,
		Polled: c.polled.Load(), FilteredOut: c.filtered.Load(), NotJSON: c.notJSON.Load(), Rejected: c.rejected.Load(),
		Invoked: c.invoked.Load(), Failed: c.failed.Load(), Dropped: c.dropped.Load(), Delivered: c.delivered.Load(),
		Deleted: c.deleted.Load(), Invocations: c.invocations.Load(), Shards: map[string]ShardStatus{},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, st := range maps.All(r.shards) {
		in.Shards[id] = *st
	}
	return in, true
}

// InspectAll describes the work of all mappings that are enabled, by UUID.
func (s *Service) InspectAll() []Inspection {
	s.mu.Lock()
	uuids := slices.Collect(maps.Keys(s.runners))
	s.mu.Unlock()
	list := []Inspection{}
	for _, uuid := range uuids {
		if in, ok := s.Inspect(uuid); ok {
			list = append(list, in)
		}
	}
	slices.SortFunc(list, func(a, b Inspection) int { return strings.Compare(a.UUID, b.UUID) })
	return list
}
