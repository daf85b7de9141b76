package compare

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fenchel-ml/fenchel/data"
)

// The protocol of a run in a process of its own. The parent writes the job, one
// line of JSON, and keeps the pipe open: when it closes, because the parent wants
// the run to end or has ended itself, the child ends the run as Ctrl-C would. The
// child writes a Progress per line, and the outcome to the job's file.

// grace is how long a child may take to end its step and save.
const grace = time.Minute

// Child returns a Runner that gives each run a process of its own, so that its
// peak memory is its own and a crash takes down one row. argv starts a program
// that calls Serve with its standard input and output.
func Child(argv ...string) Runner {
	return func(ctx context.Context, j Job, _ *data.Dataset, progress func(Progress)) (*Outcome, error) {
		text, err := json.Marshal(j)
		if err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		// Shared fairly, whatever the others do; numbers do not depend on it.
		cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(max(1, runtime.GOMAXPROCS(0)/j.Parallel)))
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		cmd.Cancel, cmd.WaitDelay = in.Close, grace
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			return nil, fmt.Errorf("compare: %w", err)
		}
		_, writeErr := in.Write(append(text, '\n'))
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var p Progress
			if json.Unmarshal(lines.Bytes(), &p) == nil && progress != nil {
				progress(p)
			}
		}
		err = errors.Join(writeErr, lines.Err(), cmd.Wait())
		o, readErr := recall(j)
		switch {
		case readErr != nil:
			return nil, readErr
		case o != nil:
			return o, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		said := strings.TrimSpace(stderr.String())
		if err == nil {
			err = errors.New("it wrote no outcome")
		}
		return nil, fmt.Errorf("compare: the process of the run ended: %w: %s", err, said[strings.LastIndexByte(said, '\n')+1:])
	}
}

// Serve executes the job that it reads from in, for Child.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	r := bufio.NewReader(in)
	line, err := r.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("compare: no job on standard input: %w", err)
	}
	var j Job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("compare: job: %w", err)
	}
	plan, err := j.Config.Plan()
	if err != nil {
		return err
	}
	set, err := plan.Data.Load()
	if err != nil {
		return err
	}
	if set, err = plan.SetOf(set); err != nil {
		return err
	}
	if hash := set.Hash(); hash != j.Split {
		return fmt.Errorf("compare: the data have changed: split %.12s, the comparison began with %.12s", hash, j.Split)
	}
	resetPeak()
	// A parent that has ended reads no progress either. A write to standard output would
	// then kill this process before it has saved anything; it shall be an error alone.
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, syscall.SIGPIPE)
	defer signal.Stop(broken)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		// Nothing more comes: this returns when the parent closes the pipe or ends.
		_, _ = io.Copy(io.Discard, r)
		stop()
	}()
	enc := json.NewEncoder(out)
	_, err = execute(ctx, j, set, func(p Progress) {
		_ = enc.Encode(p) // a parent that no longer listens closes the other pipe too
	}, peakMemory)
	return err
}

// resetPeak makes the peak of memory count from now on, with what loading left
// behind given back. Where the system does not let it, peakMemory covers the
// loading too, and is too large.
func resetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// peakMemory returns the largest resident memory since resetPeak, 0 where the
// system does not tell.
func peakMemory() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
