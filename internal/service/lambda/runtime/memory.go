package runtime

// usage is the memory of a box's processes, in bytes.
type usage struct {
	// private is what they hold for themselves now: anonymous and shared memory, a page that
	// several of them share counted once. It is what the limit is for.
	private int64
	// peak is the most that they have held, with the files they have mapped (their programs),
	// as far as it shows now. It is what is reported.
	peak int64
}
