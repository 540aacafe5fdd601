package machine

// Plant is a bug on purpose, for tests of the model.
type Plant = plant

// The bugs.
const (
	PlantNone            = plantNone
	PlantEarlyCheckpoint = plantEarlyCheckpoint
	PlantLostHalf        = plantLostHalf
	PlantLostState       = plantLostState
	PlantLateFilter      = plantLateFilter
	PlantChildFirst      = plantChildFirst
)

// WithPlant returns c with a bug.
func WithPlant(c Config, p Plant) Config { c.plant = p; return c }

// RunnableWithPlant is Runnable with a bug.
func RunnableWithPlant(shards []Shard, finished func(string) bool, p Plant) []Shard {
	return runnable(shards, finished, p)
}
