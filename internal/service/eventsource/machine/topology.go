package machine

// Shard is a shard's place in its stream.
type Shard struct {
	ID string
	// Parents are the shards it was made from; those the stream no longer lists do not count.
	Parents []string
}

// Runnable gives the shards that may be read now: those that are not finished
// and whose listed parents all are. So the records of one key keep their order
// over a split or merge.
func Runnable(shards []Shard, finished func(id string) bool) []Shard {
	return runnable(shards, finished, plantNone)
}

func runnable(shards []Shard, finished func(id string) bool, p plant) []Shard {
	listed := make(map[string]bool, len(shards))
	for _, s := range shards {
		listed[s.ID] = true
	}
	var out []Shard
	for _, s := range shards {
		if finished(s.ID) {
			continue
		}
		ready := true
		for _, parent := range s.Parents {
			if listed[parent] && !finished(parent) && p != plantChildFirst {
				ready = false
			}
		}
		if ready {
			out = append(out, s)
		}
	}
	return out
}
