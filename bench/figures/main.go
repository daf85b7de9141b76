package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

type run struct {
	Name, About, Command, Tolerance string
	Timing                          bool
}

func main() {
	only := flag.String("only", "", "runs")
	missing := flag.Bool("missing", false, "only what is not recorded")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	text, err := os.ReadFile("bench/figures/manifest.yaml")
	if err != nil {
		panic(err)
	}
	var m struct{ Runs []run }
	if err := yaml.Unmarshal(text, &m); err != nil {
		panic(err)
	}
	bin, err := os.MkdirTemp("", "figures-bin-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(bin)
	if out, err := exec.Command("go", "build", "-o", bin+"/fenchel", "./cmd/fenchel").CombinedOutput(); err != nil {
		panic(string(out))
	}
	for _, r := range m.Runs {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), r.Name) {
			continue
		}
		file := filepath.Join("bench/figures/recorded", r.Name+".txt")
		if _, err := os.Stat(file); *missing && err == nil {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		runs, err := os.MkdirTemp("", "figures-runs-")
		if err != nil {
			panic(err)
		}
		start := time.Now()
		cmd := exec.CommandContext(ctx, "bash", "-e", "-c", r.Command)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "RUNS="+runs)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, os.Stdout), os.Stderr
		err = cmd.Run()
		os.RemoveAll(runs)
		if err != nil {
			fmt.Println("FAILED", r.Name, err)
			continue
		}
		commit, _ := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
		head := fmt.Sprintf("command: %s\nmachine: %s, %d processors, kernels %s, %s\nmade: %s at %s in %.0f s\n\n",
			strings.ReplaceAll(strings.TrimSpace(r.Command), "\n", "\n  "), kernel.CPU(), runtime.NumCPU(), kernel.Path(), runtime.Version(),
			start.UTC().Format("2006-01-02"), strings.TrimSpace(string(commit)), time.Since(start).Seconds())
		text := strings.ReplaceAll(out.String(), runs, "runs")
		if err := os.WriteFile(file, []byte(head+text), 0o644); err != nil {
			panic(err)
		}
		fmt.Println("DONE", r.Name, time.Since(start))
	}
}
