package runtime

// WatchMemory makes the engine hold instances to their memory by looking, also where the kernel would.
func (e *Engine) WatchMemory() {
	e.boxes.groups.close()
	e.boxes.groups = &groups{why: "a test wants it so"}
}

// OwnGroup is ownGroup.
func OwnGroup(mountinfo, cgroup string) (own, top string, err error) {
	return ownGroup(mountinfo, cgroup)
}

// GroupsBase is the directory of the engine's control groups, "" without.
func (e *Engine) GroupsBase() string { return e.boxes.groups.base }
