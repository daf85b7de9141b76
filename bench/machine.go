package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// machine is what a table was measured on.
type machine struct {
	cpu, system, path, commit string
	cpus                      int
}

func thisMachine() machine {
	m := machine{cpu: cmp.Or(kernel.CPU(), "unknown"), system: runtime.GOOS + "/" + runtime.GOARCH + ", " + runtime.Version(), path: kernel.Path(), cpus: runtime.NumCPU(), commit: "unknown"}
	if hash, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output(); err == nil {
		m.commit = strings.TrimSpace(string(hash))
		// Untracked files that the build reads count, too; records of figures are no part of it.
		if changes, err := exec.Command("git", "status", "--porcelain", "--", ":/", ":(exclude,top)bench/figures/recorded").Output(); err != nil || len(changes) > 0 {
			m.commit += " with uncommitted changes"
		}
	}
	return m
}

// loadAverage returns the load of the last minute, −1 where it is not known.
func loadAverage() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return -1
	}
	var load string
	if _, err := fmt.Sscan(string(text), &load); err != nil {
		return -1
	}
	x, err := strconv.ParseFloat(load, 64)
	if err != nil {
		return -1
	}
	return x
}

// probe returns the rate of fused multiply-adds, in flop/s, that so many threads
// reach together without memory; 0 where the kernels have no vector path.
func probe(threads int) float64 {
	const length = 10 * time.Millisecond
	rates := make([]float64, threads)
	var wg sync.WaitGroup
	for i := range threads {
		wg.Go(func() {
			flops := 0.0
			start := time.Now()
			for time.Since(start) < length {
				flops += kernel.ProbeFMA()
			}
			rates[i] = flops / time.Since(start).Seconds()
		})
	}
	wg.Wait()
	sum := 0.0
	for _, r := range rates {
		sum += r
	}
	return sum
}
