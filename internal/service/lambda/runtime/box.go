package runtime

import "os"

// boxOptions say what a box is made for.
type boxOptions struct {
	// TmpDir is the instance's own temporary directory.
	TmpDir string
	// ReadOnly are directories that processes must see and not change.
	ReadOnly []string
	// Opt, if set, is shown to the processes as /opt.
	Opt string
	// Memory is what the processes may use together, in bytes.
	Memory int64
	// Marker is an entry of the processes' environment by which strays are found.
	Marker string
}

// command is a process to start: Path is absolute, Files are its descriptors 0, 1, 2 …; it inherits no others.
type command struct {
	Path  string
	Args  []string
	Dir   string
	Env   []string
	Files []*os.File
}
