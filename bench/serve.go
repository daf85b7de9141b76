package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// serveFlag is the argument with which this program is a contestant.
const serveFlag = "-serve"

// A work reads its inputs and returns what does the work once; that returns the
// seconds it took, less what is not the work, and a value to compare.
type work func(j job) (func() (seconds, value float64, err error), error)

// works are the kinds of work that this program serves. Each file adds its own.
var works = map[string]work{}

// timed makes a work of a function that is work from start to end.
func timed(f func() (float64, error)) func() (float64, float64, error) {
	return func() (float64, float64, error) {
		start := time.Now()
		v, err := f()
		return time.Since(start).Seconds(), v, err
	}
}

// serve is the child's side of the protocol.
func serve(in io.Reader, out io.Writer) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	enc := json.NewEncoder(out)
	if !lines.Scan() {
		return fmt.Errorf("serve: no job: %w", lines.Err())
	}
	var j job
	if err := json.Unmarshal(lines.Bytes(), &j); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	run, err := newWork(j)
	if err != nil {
		return enc.Encode(reply{Error: err.Error()})
	}
	debug.FreeOSMemory() // what reading left behind is no part of the work
	resetPeak()
	mem := memory{Ready: status("VmRSS")}
	if err := enc.Encode(reply{Version: runtime.Version() + ", kernel " + kernelOf(j) + ", filter " + kernel.Filter()}); err != nil {
		return err
	}
	for lines.Scan() {
		switch lines.Text() {
		case "run":
			if err := enc.Encode(repeat(run, j.Repeat)); err != nil {
				return err
			}
		case "stop":
			mem.Peak = status("VmHWM")
			return enc.Encode(reply{memory: mem})
		default:
			return fmt.Errorf("serve: unknown command %q", lines.Text())
		}
	}
	return lines.Err()
}

// repeat does the work n times. The reply has the mean time, and the last value.
func repeat(run func() (float64, float64, error), n int) reply {
	var r reply
	before := cpuSeconds()
	for range n {
		seconds, value, err := run()
		switch {
		case err != nil:
			return reply{Error: err.Error()}
		case math.IsNaN(value) || math.IsInf(value, 0):
			return reply{Error: fmt.Sprintf("the value is %v", value)}
		}
		r.Seconds += seconds / float64(n)
		r.Value = value
	}
	r.CPU = (cpuSeconds() - before) / float64(n)
	return r
}

// kernelOf names what computes the job.
func kernelOf(j job) string {
	if p, err := j.precision(); err == nil && p != graph.Highest {
		return p.Runs()
	}
	return kernel.Path()
}

// precision returns to what the job's products may be rounded.
func (j job) precision() (graph.Precision, error) {
	return graph.ParsePrecision(cmp.Or(j.Precision, graph.Highest.String()))
}

func newWork(j job) (func() (float64, float64, error), error) {
	if err := kernel.Err(); err != nil {
		return nil, err
	}
	w := works[j.Work]
	if w == nil {
		return nil, fmt.Errorf("serve: unknown work %q", j.Work)
	}
	return w(j)
}

// status returns a field of the system's account of this process in bytes, 0
// where there is none.
func status(field string) int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kb * 1024
		}
	}
	return 0
}

// resetPeak makes the peak of memory count from now on. Where the system does
// not let it, the peak covers the reading of the inputs too, and is too large.
func resetPeak() { _ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// Inputs are raw little-endian numbers, 4 bytes each.

// inputBuffer is how much is converted at a time, so that reading leaves no
// second copy behind.
const inputBuffer = 1 << 16

func writeFloats(dir, name string, n int, next func(i int) float32) error {
	return writeInput(dir, name, n, func(i int) uint32 { return math.Float32bits(next(i)) })
}

func writeInts(dir, name string, n int, next func(i int) int32) error {
	return writeInput(dir, name, n, func(i int) uint32 { return uint32(next(i)) })
}

func writeInput(dir, name string, n int, next func(i int) uint32) (err error) {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, inputBuffer)
	var b [4]byte
	for i := range n {
		binary.LittleEndian.PutUint32(b[:], next(i))
		if _, err := w.Write(b[:]); err != nil {
			_ = f.Close()
			return err
		}
	}
	if err := w.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func readFloats(j job, name string, n int) ([]float32, error) {
	x := kernel.Make[float32](n)
	return x, readInput(j, name, n, func(i int, b uint32) { x[i] = math.Float32frombits(b) })
}

func readInts(j job, name string, n int) ([]int32, error) {
	x := make([]int32, n)
	return x, readInput(j, name, n, func(i int, b uint32) { x[i] = int32(b) })
}

func readInput(j job, name string, n int, set func(i int, b uint32)) error {
	f, err := os.Open(filepath.Join(j.Dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, inputBuffer)
	var b [4]byte
	for i := range n {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		set(i, binary.LittleEndian.Uint32(b[:]))
	}
	return nil
}
