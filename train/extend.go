package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/fs"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// StateFile is what more epochs begin with, beside the weights of a run that has ended: what
// RunDir keeps of its solver and, where the weights are those of an earlier epoch, the last ones.
// Nothing else reads it.
const StateFile = "state.safetensors"

// A stateMeta goes with a state, whose arrays are named fixed/… and varying/… as those of a
// checkpoint, and table/… where the weights are not those of the last epoch.
type stateMeta = checkpointMeta

// saveState writes the state of a run that has come to its end, before the weights of its best
// epoch are put back. A run that was interrupted after it, and has done no step since, keeps the
// one that is there.
func (r *run) saveState() error {
	if r.dir == "" || !r.extensible || r.plan.fits() { // what is fitted has one epoch
		return nil
	}
	if _, err := os.Stat(r.path(StateFile)); err == nil && !r.moved {
		return nil
	}
	m := stateMeta{r.meta(), checkpointVersion, r.progress, r.solver.counts()}
	m.Progress.Seconds = r.seconds()
	var all []graph.Array
	if r.plan.Config.Train.StopsEarly() {
		all = tableArrays(tablePrefix, r.trained.Tables())
	}
	return wrap(weights.Write(r.path(StateFile), m, append(all, r.solverArrays()...)))
}

// solverArrays are those of the solver, as a checkpoint names them.
func (r *run) solverArrays() (all []graph.Array) {
	for _, a := range r.solver.fixed() {
		a.Name = fixedPrefix + a.Name
		all = append(all, a)
	}
	for _, a := range r.solver.varying() {
		a.Name = varyingPrefix + a.Name
		all = append(all, a)
	}
	return all
}

// ExtensionPaths lists the settings in which a run that goes on for more epochs may differ from the
// one that it goes on from: how many epochs, how patiently, and where the same data are now.
func ExtensionPaths() []string { return []string{"train.epochs", "train.patience", "data.source"} }

// Ended returns the number of epochs that the run in a folder has done, and an error of one that
// has not ended, or has kept no state to go on from.
func Ended(dir string) (epochs int, err error) {
	m, err := readState(dir)
	return m.Progress.Epoch, err
}

// readState returns what goes with the state of a run that has ended.
func readState(dir string) (m stateMeta, err error) {
	text, c, err := loadConfig(dir)
	if err != nil {
		return m, err
	}
	if _, err := os.Stat(filepath.Join(dir, CheckpointFile)); err == nil {
		return m, fmt.Errorf("train: %s holds a run that has not ended: go on with it first, by its own %s in its own folder", dir, ConfigFile)
	}
	if _, err := baseline.Parse(c.Model.Name); err == nil {
		return m, fmt.Errorf("train: %s holds a run of model %s, which is fitted in one step and has no epochs", dir, c.Model.Name)
	}
	path := filepath.Join(dir, StateFile)
	f, err := weights.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, fmt.Errorf("train: %s holds no run with a %s, which the last epoch of a run leaves and more epochs begin with", dir, StateFile)
	}
	if err != nil {
		return m, wrap(err)
	}
	defer f.Close()
	if err := f.Meta(&m); err != nil {
		return m, err
	}
	if err := m.of(path, text, c); err != nil {
		return m, err
	}
	if m.Version != checkpointVersion {
		return m, fmt.Errorf("train: %s is of version %d, and this program reads version %d", path, m.Version, checkpointVersion)
	}
	return m, nil
}

// Extend makes in the folder dir, which is new or empty, a run of p that stands where the run in the
// folder from ended: [Plan.RunDir] in dir then goes on, with the state of the optimizer and of all
// else, and writes nothing into from. Where dir holds the run already, begun before and cut short,
// it stays as it is.
//
// The settings of p are those of from but for ExtensionPaths; the error of others names them. A run
// of p.Config.Train.Epochs from the start has the same bits, unless the schedule depends on the
// number of epochs (see [optim.Schedule.SameFactors]), or eval.every left the last epoch
// of from to be measured for its being the last and the weights are those of the best epoch.
//
// What stopped early for its patience goes on under a longer one, or under none; and a run that kept
// the weights of its last epoch goes on with a patience only where that was its best.
func Extend(from, dir string, p *Plan) (err error) {
	there, err := LoadConfig(from)
	if err != nil {
		return err
	}
	if err := extends(there.WithDefaults(), p.Config); err != nil {
		return fmt.Errorf("train: %s: %w", from, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, ConfigFile)); err == nil {
		c, err := readConfig(dir, text)
		if err != nil {
			return err
		}
		if diff := Difference(c.WithDefaults(), p.Config, "there", "here"); diff != "" {
			return fmt.Errorf("train: %s holds a run of another configuration (%s); choose another folder", dir, diff)
		}
		return nil // begun before
	}
	m, err := readState(from)
	if err != nil {
		return err
	}
	c := p.Config.Train
	done := m.Progress
	if c.Epochs <= done.Epoch {
		return fmt.Errorf("train: %s has done %d epochs, and %d in all are no more", from, done.Epoch, c.Epochs)
	}
	switch early := there.Train.StopsEarly(); {
	case c.StopsEarly() && done.NotBetter >= *c.Patience:
		return fmt.Errorf("train: %s ended after %d evaluations without a better one, and more epochs under a patience of %d would end at once: give one above %[2]d, or 0 for all epochs", from, done.NotBetter, *c.Patience)
	case c.StopsEarly() && !early && done.BestEpoch > 0 && done.BestEpoch != done.Epoch:
		return fmt.Errorf("train: %s kept the weights of its last epoch, %d, alone; its best one was %d, and with a patience its weights would be asked for: go on without", from, done.Epoch, done.BestEpoch)
	}
	f, err := OpenFolder(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return wrap(err)
	}
	for _, e := range entries { // a checkpoint may be what a crash left of this
		if !strings.HasPrefix(e.Name(), ".") && e.Name() != CheckpointFile && e.Name() != LockFile {
			return fmt.Errorf("train: %s is no run folder and not empty; choose another", dir)
		}
	}
	arrays, err := stateArrays(from)
	if err != nil {
		return err
	}
	m.Config = p.Config.String()
	if err := weights.Write(filepath.Join(dir, CheckpointFile), m, arrays); err != nil {
		return wrap(err)
	}
	return wrap(fs.WriteBytes(filepath.Join(dir, ConfigFile), []byte(m.Config)))
}

// extends returns an error that names the settings in which more differs from a run and may not.
func extends(there, more Config) error {
	for _, path := range ExtensionPaths() {
		there.field(path).Set(more.field(path))
	}
	if diff := Difference(there, more, "there", "here"); diff != "" {
		return fmt.Errorf("more epochs keep the settings of the run (%s); what may change is %s", diff, strings.Join(ExtensionPaths(), ", "))
	}
	return nil
}

// stateArrays returns the arrays of a checkpoint that stands at the end of the run in a folder.
func stateArrays(dir string) (all []graph.Array, err error) {
	read := func(file string, take func(a graph.Array)) error {
		f, err := weights.Open(filepath.Join(dir, file))
		if err != nil {
			return wrap(err)
		}
		defer f.Close()
		for _, name := range f.Names() {
			a, err := f.Load(name)
			if err != nil {
				return err
			}
			take(a)
		}
		return nil
	}
	if err := read(StateFile, func(a graph.Array) { all = append(all, a) }); err != nil {
		return nil, err
	}
	last := slices.ContainsFunc(all, func(a graph.Array) bool { return strings.HasPrefix(a.Name, tablePrefix) })
	err = read(WeightsFile, func(a graph.Array) {
		name := a.Name
		if !last { // the weights are those of the last epoch
			a.Name = tablePrefix + name
			all = append(all, a)
		}
		a.Name = keptPrefix + name
		all = append(all, a)
	})
	return all, err
}
