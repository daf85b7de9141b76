package memory

import (
	"math"
	"os"
	"runtime"

	"github.com/shirou/gopsutil/v4/mem"
	"github.com/shirou/gopsutil/v4/process"
)

// availableElsewhere is Available of systems without /proc, and without control groups.
func availableElsewhere() (bytes int64, source string, ok bool) {
	m, err := mem.VirtualMemory()
	if err != nil || m.Total == 0 {
		return 0, "", false
	}
	return int64(min(m.Available, math.MaxInt64)), "what " + runtime.GOOS + " says is available", true
}

// residentElsewhere is the first of Resident.
func residentElsewhere() int64 {
	p, err := process.NewProcess(int32(os.Getpid()))
	if err != nil {
		return 0
	}
	m, err := p.MemoryInfo()
	if err != nil {
		return 0
	}
	return int64(min(m.RSS, math.MaxInt64))
}
