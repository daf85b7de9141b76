package tune

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/train"
)

// The files of a search's folder.
const (
	JournalFile = "trials.jsonl" // what the search is, then a trial a line, and where it stopped
	BestFile    = "best.yaml"    // the configuration of the best trial
	runsFolder  = "runs"         // a run folder of the trial under way and of the best one
)

// The states of a trial that has ended.
const (
	Done   = "done"
	Pruned = "pruned" // ended early, because it was behind others
	Failed = "failed" // its training became NaN, or could not begin
)

// A Trial is a run of a search: a line of its journal.
type Trial struct {
	Number   int       `json:"trial"` // from 0
	Settings []Setting `json:"settings"`
	State    string    `json:"state"`

	// Value is the monitored metric on valid of the weights that the run keeps; null where
	// it failed. That of a pruned one is the best it came to.
	Value   report.Number `json:"value"`
	Epochs  int           `json:"epochs"`  // that were trained
	Seconds float64       `json:"seconds"` // training and evaluation
	Course  []Point       `json:"course,omitempty"`
	Reason  string        `json:"reason,omitempty"` // of a failure
}

// A Point is where a trial stood after an epoch that was evaluated.
type Point struct {
	Epoch int           `json:"epoch"`
	Value report.Number `json:"value"`
}

// header is the first line of a journal: all that decides what is tried.
type header struct {
	Version int      `json:"tune"`
	Config  string   `json:"config"` // YAML, defaults written out
	Data    string   `json:"data"`   // hash
	Over    []string `json:"over"`
	Search  string   `json:"search"`
	Prune   string   `json:"prune"`
}

// journalVersion changes with what is tried after the same trials.
const journalVersion = 1

// stop is the line of where a search stopped.
type stop struct {
	Why     string  `json:"stopped"`
	Trials  int     `json:"trials"`  // that had ended
	Seconds float64 `json:"seconds"` // that the search had taken
}

// tested is the line of what the best trial reached on test.
type tested struct {
	Trial  int           `json:"tested"`
	Values []train.Value `json:"values"`
}

// differs says in what a search that is to go on differs from the one on record.
func (h header) differs(there header) error {
	var parts []string
	part := func(name string, there, here any) {
		if there != here {
			parts = append(parts, fmt.Sprintf("%s is %v there, %v here", name, there, here))
		}
	}
	part("--search", there.Search, h.Search)
	part("--prune", there.Prune, h.Prune)
	part("--over", strings.Join(there.Over, " "), strings.Join(h.Over, " "))
	part("the hash of the data", there.Data, h.Data)
	if there.Config != h.Config {
		c, err := train.Parse([]byte(there.Config))
		here, errHere := train.Parse([]byte(h.Config))
		if err := errors.Join(err, errHere); err != nil {
			return err
		}
		parts = append(parts, train.Difference(c, here, "there", "here"))
	}
	if len(parts) > 0 {
		return errors.New(strings.Join(parts, "; "))
	}
	return nil
}

// A journal is the record of a search, open for more.
type journal struct {
	file   *os.File
	trials []Trial
	spent  float64 // seconds
	tested *tested // of the last that was
}

// openJournal begins the journal in a folder, or reads the one that is there. A last line
// that was cut short is dropped: what it was of is done again.
func openJournal(dir string, h header) (j *journal, err error) {
	path := filepath.Join(dir, JournalFile)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(entries, func(e os.DirEntry) bool { return !strings.HasPrefix(e.Name(), ".") }) {
			return nil, fmt.Errorf("%s holds no search and is not empty; name another folder", dir)
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	j = &journal{file: f}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	text, err := io.ReadAll(f)
	if err != nil {
		return nil, err
	}
	whole := bytes.LastIndexByte(text, '\n') + 1
	if whole < len(text) {
		if err := f.Truncate(int64(whole)); err != nil {
			return nil, err
		}
	}
	if _, err := f.Seek(int64(whole), io.SeekStart); err != nil {
		return nil, err
	}
	if whole == 0 {
		return j, j.append(h)
	}
	n := 0
	for line := range bytes.Lines(text[:whole]) {
		if n++; n == 1 {
			var there header
			if err := strict(line, &there); err != nil || there.Version == 0 {
				return nil, fmt.Errorf("%s:1: it is not the journal of a search; name another folder", path)
			}
			if there.Version != journalVersion {
				return nil, fmt.Errorf("%s: the journal is of version %d, and this program goes on with version %d: name another folder", path, there.Version, journalVersion)
			}
			if err := h.differs(there); err != nil {
				return nil, fmt.Errorf("%s holds another search (%w); name another folder", dir, err)
			}
			continue
		}
		if err := j.take(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
	return j, nil
}

// take reads a line that is not the first.
func (j *journal) take(line []byte) error {
	var kind struct {
		Trial   *int    `json:"trial"`
		Stopped *string `json:"stopped"`
		Tested  *int    `json:"tested"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return fmt.Errorf("the line is damaged (%w); cut the file before it to go on from there", err)
	}
	switch {
	case kind.Trial != nil:
		var t Trial
		if err := strict(line, &t); err != nil {
			return err
		}
		if t.Number != len(j.trials) {
			return fmt.Errorf("trial %d follows %d others", t.Number, len(j.trials))
		}
		if t.State != Done && t.State != Pruned && t.State != Failed || t.State == Done && !t.Value.Finite() || !(t.Seconds >= 0) {
			return fmt.Errorf("trial %d: state %q, value %g, %g seconds", t.Number, t.State, float64(t.Value), t.Seconds)
		}
		j.trials = append(j.trials, t)
		sum := 0.0
		for _, t := range j.trials {
			sum += t.Seconds
		}
		j.spent = max(j.spent, sum)
	case kind.Stopped != nil:
		var s stop
		if err := strict(line, &s); err != nil {
			return err
		}
		j.spent = max(j.spent, s.Seconds)
	case kind.Tested != nil:
		j.tested = &tested{}
		return strict(line, j.tested)
	default:
		return errors.New("the line is neither a trial, a stop nor a test")
	}
	return nil
}

// strict reads JSON whose every field is one of x.
func strict(line []byte, x any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(x)
}

// append adds a line, which is on the disk when it returns.
func (j *journal) append(x any) error {
	line, err := json.Marshal(x)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return err
	}
	return j.file.Sync()
}
