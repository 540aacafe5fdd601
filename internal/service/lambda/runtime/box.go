package runtime

import "os"

// boxOptions say what a box is made for.
type boxOptions struct {
	// TmpDir is the instance's own temporary directory.
	TmpDir string
	// ReadOnly are directories that processes must see and not change.
	ReadOnly []string
	// Binds are directories that processes see at other places, read-only.
	Binds []bind
	// Memory is what the processes may use together, in bytes.
	Memory int64
	// Marker is an entry of the processes' environment by which strays are found.
	Marker string
}

// bind shows a directory at another place.
type bind struct{ from, to string }

// Where functions find things on AWS.
const (
	taskDir    = "/var/task"    // the package
	runtimeDir = "/var/runtime" // the runtime
	optDir     = "/opt"         // layers
)

// command is a process to start: Path is absolute, Files are its descriptors 0, 1, 2 …; it inherits no others.
type command struct {
	Path  string
	Args  []string
	Dir   string
	Env   []string
	Files []*os.File
}
