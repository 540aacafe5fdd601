package machine

// plant is a bug on purpose. The tests plant each of them in turn and demand
// that the model finds it: a model that no bug can fail proves nothing. Nothing
// outside of this package's tests can set one.
type plant uint8

const (
	plantNone            plant = iota
	plantEarlyCheckpoint       // the checkpoint includes the first record that is not done
	plantLostHalf              // bisection forgets the second half
	plantLostState             // the checkpoint forgets the window's state
	plantLateFilter            // filters run over batches, not over records
	plantChildFirst            // child shards do not wait for their parents
)
