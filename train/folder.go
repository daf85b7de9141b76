package train

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/lock"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// The files of a run folder. Each appears whole or not at all.
const (
	ConfigFile     = "config.yaml"            // reproduces the run
	MetricsFile    = "metrics.jsonl"          // one EpochDone a line
	WeightsFile    = "weights.safetensors"    // what the run reached; see package weights
	CheckpointFile = "checkpoint.safetensors" // what a run needs to go on; gone when it is finished
	LockFile       = lock.File                // who is at work in the folder; gone when nobody is, unless it was killed
)

// saveEvery is the least time between two checkpoints of a run that is not
// interrupted: what a crash can lose. Tests shorten it.
var saveEvery = time.Minute

// RunDir is [Plan.RunDir] of cfg's plan.
func RunDir(ctx context.Context, dir string, cfg Config, set *data.Dataset, obs Observer) (*Result, error) {
	p, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	return p.RunDir(ctx, dir, set, obs)
}

// RunDir is Run in a run folder, which it makes: the configuration, the metrics
// of each epoch, the weights, checkpoints and, at the end, the dataset and what [Extend] begins with
// are kept there. Where the folder
// holds an unfinished run of the same configuration and data it is resumed, and
// ends with the bits that it would have had uninterrupted; a temperature that follows from
// the data is the one that is on record there. A folder that holds
// anything else is an error.
//
// The folder is the run's alone meanwhile: that another process, or another call, is
// at work in it is an error that names it. The lock of a process that was killed is
// none.
func (p *Plan) RunDir(ctx context.Context, dir string, set *data.Dataset, obs Observer) (res *Result, err error) {
	if p, err = p.takenUp(dir, set); err != nil {
		return nil, err
	}
	r, err := newRun(p, set, obs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	f, err := OpenFolder(dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r.extensible = true
	res, err = r.execute(ctx, f.dir)
	if res != nil {
		err = errors.Join(err, saveSet(filepath.Join(f.dir, SetFile), r.set))
	}
	return res, err
}

// A Folder is a run folder that this process has for itself from OpenFolder to Close.
// It is for who does more in it than RunDir, and not safe for concurrent use.
type Folder struct {
	dir  string
	lock *lock.Lock
}

// A HeldError is the error of a run folder in which somebody is at work: it names the
// process, its machine and since when it has the folder.
type HeldError = lock.HeldError

// OpenFolder makes the folder where there is none and locks it. Where another process
// or another Folder has it, the error is a *HeldError that names the holder.
func OpenFolder(dir string) (*Folder, error) {
	if dir == "" {
		return nil, errors.New("train: the run folder has no name")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, wrap(err)
	}
	l, err := lock.Take(dir)
	if err != nil {
		return nil, wrap(err)
	}
	return &Folder{dir, l}, nil
}

// Run is [Plan.RunDir] in the folder, but that the dataset is not kept.
func (f *Folder) Run(ctx context.Context, p *Plan, set *data.Dataset, obs Observer) (*Result, error) {
	return f.run(ctx, p, set, obs, false)
}

func (f *Folder) run(ctx context.Context, p *Plan, set *data.Dataset, obs Observer, untested bool) (res *Result, err error) {
	if p, err = p.takenUp(f.dir, set); err != nil {
		return nil, err
	}
	r, err := newRun(p, set, obs)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.untested = untested
	return r.execute(ctx, f.dir)
}

// Train is Run but that test is not measured: the run stands before its end, and Run, or
// RunDir, goes on from there. It is for runs of which their values on valid choose some.
func (f *Folder) Train(ctx context.Context, p *Plan, set *data.Dataset, obs Observer) (*Result, error) {
	return f.run(ctx, p, set, obs, true)
}

// Ended reports whether the folder holds a run that cannot be gone on with.
func (f *Folder) Ended() bool {
	is := func(file string) bool {
		_, err := os.Stat(filepath.Join(f.dir, file))
		return err == nil
	}
	return is(WeightsFile) && !is(CheckpointFile)
}

// Clear removes the run that the folder holds. One that is cut short leaves a run that
// has ended, or one that never came to a checkpoint.
func (f *Folder) Clear() error {
	return f.remove(CheckpointFile, WeightsFile, StateFile, SetFile, MetricsFile, ConfigFile)
}

// End makes the run in the folder one that has ended: it will not be gone on with.
func (f *Folder) End() error { return f.remove(CheckpointFile) }

func (f *Folder) remove(files ...string) error {
	for _, file := range files {
		if err := os.Remove(filepath.Join(f.dir, file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return wrap(err)
		}
	}
	return nil
}

// Close gives the folder up.
func (f *Folder) Close() error { return wrap(f.lock.Release()) }

// weightsMeta goes with the weights.
type weightsMeta struct {
	Config string // YAML, so that the file tells by itself what it is
	Split  string // hash

	// What made the file: another kernel's last digits may differ. Kernel is what the last
	// steps ran on, by Plan.Kernel.
	Program, Kernel, CPU string
}

// meta returns what goes with the weights of r as they are.
func (r *run) meta() weightsMeta {
	program := "fenchel " + runtime.Version()
	if info, ok := debug.ReadBuildInfo(); ok {
		program = fmt.Sprintf("%s %s, %s", info.Main.Path, info.Main.Version, info.GoVersion)
	}
	return weightsMeta{Config: r.plan.Config.String(), Split: r.hash, Program: program, Kernel: r.plan.Kernel(), CPU: kernel.CPU()}
}

// of returns an error unless what the file holds was made by the configuration that
// lies beside it, as text and as c.
func (m weightsMeta) of(file, text string, c Config) error {
	if m.Config == text {
		return nil
	}
	own, err := Parse([]byte(m.Config))
	if err != nil {
		return fmt.Errorf("train: %s: its own configuration: %w", file, err)
	}
	if diff := Difference(own.WithDefaults(), c.WithDefaults(), "in it", "in "+ConfigFile); diff != "" {
		return fmt.Errorf("train: %s was not made by the %s beside it (%s)", file, ConfigFile, diff)
	}
	return nil
}

// checkpointMeta goes with a checkpoint, whose arrays are named table/… (weights),
// kept/… (those to fall back to), fixed/… (solver.fixed) and varying/… (solver.varying).
type checkpointMeta struct {
	weightsMeta
	Version  int // checkpointVersion when it was written
	Progress progress
	Counts   []float64
}

// checkpointVersion is that of the checkpoints written here. Those before 3 name their
// arrays and their progress otherwise.
const checkpointVersion = 3

// formerFiles are what runs of earlier versions kept their weights in.
var formerFiles = []string{"weights.bin", "checkpoint.bin"}

// notFormer returns an error where the folder holds a run of an earlier version.
func notFormer(dir string) error {
	for _, file := range formerFiles {
		if _, err := os.Stat(filepath.Join(dir, file)); err == nil {
			return fmt.Errorf("train: %s holds a run of an earlier version, whose %s this one does not read: train it again in another folder", dir, file)
		}
	}
	return nil
}

// readConfig is Parse of the text of a run folder's configuration.
func readConfig(dir string, text []byte) (Config, error) {
	c, err := Parse(text)
	var unknown *unknownKey
	if errors.As(err, &unknown) {
		if now, renamed := formerPaths[unknown.path]; renamed {
			return c, fmt.Errorf("train: %s holds a run of an earlier version, whose %s has %s, which is %s now: train it again in another folder",
				dir, ConfigFile, unknown.path, now)
		}
	}
	if err != nil {
		return c, fmt.Errorf("train: %s: %w", filepath.Join(dir, ConfigFile), err)
	}
	return c, nil
}

func (r *run) path(file string) string { return filepath.Join(r.dir, file) }

// openFolder begins a new run in the folder, or takes up the run it holds.
func (r *run) openFolder() error {
	r.hash = r.set.Hash()
	if err := notFormer(r.dir); err != nil {
		return err
	}
	for _, file := range []string{ConfigFile, MetricsFile, WeightsFile, CheckpointFile, StateFile, SetFile} {
		if err := fs.Clean(r.path(file)); err != nil {
			return fmt.Errorf("train: %w", err)
		}
	}
	here := r.plan.Config.String()
	text, err := os.ReadFile(r.path(ConfigFile))
	if errors.Is(err, os.ErrNotExist) {
		entries, err := os.ReadDir(r.dir)
		if err != nil {
			return fmt.Errorf("train: %w", err)
		}
		// Hidden files may be what a crash left of the first write.
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }) {
			return fmt.Errorf("train: %s is no run folder and not empty; choose another", r.dir)
		}
		return r.write(ConfigFile, []byte(here))
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	there := r.plan.Config
	if string(text) != here {
		if there, err = readConfig(r.dir, text); err != nil {
			return err
		}
		if diff := Difference(there.WithDefaults(), r.plan.Config, "there", "here"); diff != "" {
			return fmt.Errorf("train: %s holds a run of another configuration (%s); choose another folder", r.dir, diff)
		}
	}
	f, err := weights.Open(r.path(CheckpointFile))
	if errors.Is(err, os.ErrNotExist) {
		if _, err := os.Stat(r.path(WeightsFile)); err == nil {
			return fmt.Errorf("train: %s holds a run that has ended; choose another folder", r.dir)
		}
		return nil // it never came to its first checkpoint
	}
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	defer f.Close()
	var m checkpointMeta
	if err := f.Meta(&m); err != nil {
		return err
	}
	if err := m.of(r.path(CheckpointFile), string(text), there); err != nil {
		return err
	}
	if m.Split != r.hash {
		return fmt.Errorf("train: %s holds a run on other data: split %.12s there, %.12s here", r.dir, m.Split, r.hash)
	}
	if m.Version != checkpointVersion {
		return fmt.Errorf("train: %s is of version %d, and this program reads version %d: go on with the program that wrote it, or choose another folder",
			r.path(CheckpointFile), m.Version, checkpointVersion)
	}
	for _, a := range r.fixed() {
		if err := f.Read(a); err != nil {
			return err
		}
	}
	var varying []graph.Array
	for _, name := range f.Names() {
		if !strings.HasPrefix(name, varyingPrefix) {
			continue
		}
		a, err := f.Load(name)
		if err != nil {
			return err
		}
		a.Name = strings.TrimPrefix(name, varyingPrefix)
		varying = append(varying, a)
	}
	r.progress = m.Progress
	if here := r.plan.Kernel(); m.Kernel != here {
		r.before = m.Kernel
	}
	return r.solver.setState(m.Counts, varying)
}

// What the names of a checkpoint's arrays begin with.
const (
	tablePrefix   = "table/"   // weights
	keptPrefix    = "kept/"    // those to fall back to
	fixedPrefix   = "fixed/"   // of solver.fixed
	varyingPrefix = "varying/" // of solver.varying
)

// fixed returns what a checkpoint holds beside solver.varying, not copied.
func (r *run) fixed() []graph.Array {
	tables := r.trained.Tables()
	all := tableArrays(tablePrefix, tables)
	for i, t := range tables {
		all = append(all, graph.Array{Name: keptPrefix + t.Name, Shape: []int{t.Rows, t.Dim}, Data: r.kept[i]})
	}
	for _, a := range r.solver.fixed() {
		a.Name = fixedPrefix + a.Name
		all = append(all, a)
	}
	return all
}

func (r *run) saveCheckpoint() error {
	m := checkpointMeta{r.meta(), checkpointVersion, r.progress, r.solver.counts()}
	m.Progress.Seconds = r.seconds()
	r.lastSave = time.Now()
	all := r.fixed()
	for _, a := range r.solver.varying() {
		a.Name = varyingPrefix + a.Name
		all = append(all, a)
	}
	return wrap(weights.Write(r.path(CheckpointFile), m, all))
}

// saveEpoch is called between epochs.
func (r *run) saveEpoch() error {
	if err := r.saveMetrics(); err != nil {
		return err
	}
	if time.Since(r.lastSave) < saveEvery {
		return nil
	}
	return r.saveCheckpoint()
}

// saveFinal writes the weights, and removes the checkpoint of a finished run.
func (r *run) saveFinal(finished bool) error {
	if err := r.saveMetrics(); err != nil {
		return err
	}
	if err := weights.Write(r.path(WeightsFile), r.meta(), append(tableArrays("", r.trained.Tables()), r.trained.fittedArrays()...)); err != nil {
		return wrap(err)
	}
	if !finished {
		return nil
	}
	if err := os.Remove(r.path(CheckpointFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return wrap(err)
	}
	return nil
}

// saveMetrics writes all lines anew: a resumed run may go back behind what was
// written, and a few lines an epoch cost nothing.
func (r *run) saveMetrics() error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, e := range r.History {
		if err := enc.Encode(e); err != nil {
			return wrap(err)
		}
	}
	return r.write(MetricsFile, b.Bytes())
}

func (r *run) write(file string, b []byte) error {
	return wrap(fs.WriteBytes(r.path(file), b))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// LoadConfig returns the configuration of a run folder.
func LoadConfig(dir string) (Config, error) {
	_, c, err := loadConfig(dir)
	return c, err
}

// loadConfig is LoadConfig with the text of the file.
func loadConfig(dir string) (string, Config, error) {
	text, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		return "", Config{}, fmt.Errorf("train: %s is no run folder: %w", dir, err)
	}
	if err := notFormer(dir); err != nil {
		return "", Config{}, err
	}
	c, err := readConfig(dir, text)
	if err != nil {
		return "", Config{}, err
	}
	return string(text), c, nil
}

func tableArrays(prefix string, tables []*models.Table) (all []graph.Array) {
	for _, t := range tables {
		all = append(all, graph.Array{Name: prefix + t.Name, Shape: []int{t.Rows, t.Dim}, Data: t.Data})
	}
	return all
}
