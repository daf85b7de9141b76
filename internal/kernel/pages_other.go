//go:build !linux

package kernel

// adviseHuge leaves the pages as they are: other systems choose them by themselves, or have
// no way to ask for them of memory that the runtime gave.
func adviseHuge([]byte) {}
