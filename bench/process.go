package main

import (
	"bufio"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// The protocol. The parent writes a job, one line of JSON; the child answers a
// reply when its inputs are in memory. Then each line "run" is answered by a
// reply with seconds and value, and "stop" by one with memory. What a child
// prints on standard error is shown only when it fails.

// A reply is one line of a child.
type reply struct {
	Missing string  `json:"missing,omitempty"` // what is not installed
	Error   string  `json:"error,omitempty"`
	Version string  `json:"version,omitempty"`
	Seconds float64 `json:"seconds,omitempty"`
	CPU     float64 `json:"cpu,omitempty"` // seconds of processor time, of all threads
	Value   float64 `json:"value,omitempty"`
	memory
}

// memory is in bytes: resident when the inputs were read, and the largest
// resident from then on. Zero where the system does not tell.
type memory struct {
	Ready int64 `json:"ready,omitempty"`
	Peak  int64 `json:"peak,omitempty"`
}

//go:embed peers/*.py
var peers embed.FS

// writePeers puts the peers' scripts where an interpreter finds them.
func writePeers(dir string) error { return os.CopyFS(dir, peers) }

// A process is a contestant at work.
type process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *strings.Builder
}

// start starts the contestant's process on the job.
func start(ctx context.Context, s settings, c contestant, j job) (*process, error) {
	j.Peer, j.Work, j.Variant, j.Precision = c.peer, c.work, c.variant, c.precision
	if c.loss != "" {
		j.Loss = c.loss
	}
	var cmd *exec.Cmd
	if c.peer == "" {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		cmd = exec.CommandContext(ctx, self, serveFlag)
	} else {
		cmd = exec.CommandContext(ctx, s.python, filepath.Join(s.scratch, "peers", "serve.py"))
	}
	n := strconv.Itoa(s.threads)
	cmd.Env = append(os.Environ(), "GOMAXPROCS="+n, "OMP_NUM_THREADS="+n)
	cmd.Env = append(cmd.Env, c.env...)
	p := &process{cmd: cmd, stderr: &strings.Builder{}}
	cmd.Stderr = p.stderr
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		// An interpreter that is not there is a missing peer, which ready reports.
		p.cmd = nil
		p.stderr.WriteString(err.Error())
		return p, nil
	}
	line, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	// A child that has ended already is reported by ready.
	_, _ = p.in.Write(append(line, '\n'))
	return p, nil
}

// read returns the next reply.
func (p *process) read() (reply, error) {
	var r reply
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		p.kill()
		return r, fmt.Errorf("the process ended: %w: %s", err, lastLine(p.stderr.String()))
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("unreadable reply %q: %w", line, err)
	}
	if r.Error != "" {
		return r, errors.New(r.Error)
	}
	return r, nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// ready waits until the inputs are read, and says in res what is missing.
func (p *process) ready(res *result) error {
	if p.cmd == nil {
		res.absent = p.stderr.String()
		return nil
	}
	r, err := p.read()
	res.absent, res.version = r.Missing, r.Version
	return err
}

// run does the work once.
func (p *process) run() (reply, error) {
	if _, err := io.WriteString(p.in, "run\n"); err != nil {
		return reply{}, err
	}
	return p.read()
}

// stop ends the process and takes its memory down.
func (p *process) stop(res *result) error {
	if _, err := io.WriteString(p.in, "stop\n"); err != nil {
		return err
	}
	r, err := p.read()
	if err != nil {
		return err
	}
	res.memory = r.memory
	return nil
}

// kill ends the process if it has not ended, and reaps it.
func (p *process) kill() {
	if p.cmd == nil || p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Kill() // an error means that it has ended
	_ = p.cmd.Wait()
}
