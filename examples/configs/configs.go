package configs

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
)

//go:embed */*.yaml */*.json
var files embed.FS

// folders are the data sets of presets whose folder has another name.
var folders = map[string]string{
	"amazon-health": "irb-amazon2014-health",
	"gowalla":       "gowalla-lightgcn",
}

// Names returns the names of all presets, SET/LOSS, sorted.
func Names() []string {
	names, err := fs.Glob(files, "*/*.yaml")
	if err != nil { // a mistake of this package: the pattern is fixed
		panic("configs: " + err.Error())
	}
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, ".yaml")
	}
	slices.Sort(names)
	return names
}

// Text returns the YAML of a preset, as train.Parse reads it; an error of another name.
func Text(name string) ([]byte, error) {
	text, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("configs: no preset %q", name)
	}
	return text, nil
}

// Folder returns the name of the folder that a preset's data set usually has.
func Folder(name string) string {
	set, _, _ := strings.Cut(name, "/")
	if folder, ok := folders[set]; ok {
		return folder
	}
	return set
}

// Figures are what full trainings of a preset gave.
type Figures struct {
	Config string `json:"config"` // the configuration that was trained, without where its data are
	Data   string `json:"data"`   // name of the set
	Split  string `json:"split"`  // its hash
	Runs   []Run  `json:"runs"`   // one for each seed
}

// A Run is one training.
type Run struct {
	Seed    uint64  `json:"seed"`       // train.seed
	Epochs  int     `json:"epochs"`     // trained
	Best    int     `json:"best_epoch"` // by valid
	Seconds float64 `json:"seconds"`    // training and evaluation, on a machine that others may have shared
	Valid   []Value `json:"valid"`      // one for each metric
	Test    []Value `json:"test"`       // of the same metrics
}

// A Value is that of a metric.
type Value struct {
	Name  string  `json:"name"` // such as recall@20
	Value float64 `json:"value"`
}

// Measured returns the figures of a preset; nil where none are committed.
func Measured(name string) (*Figures, error) {
	text, err := files.ReadFile(name + ".json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	f := &Figures{}
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err == nil && len(f.Runs) == 0 {
		err = errors.New("no run")
	}
	if err != nil {
		return nil, fmt.Errorf("configs: figures of %s: %w", name, err)
	}
	return f, nil
}

// Values returns the names of the metrics and the texts of their values on valid and on
// test: of several seeds mean ± standard deviation, and "-" on a valid that was trained on.
func (f *Figures) Values() (metrics, valid, test []string) {
	for m, v := range f.Runs[0].Test {
		metrics = append(metrics, v.Name)
		test = append(test, f.over(func(r Run) float64 { return r.Test[m].Value }))
		if len(f.Runs[0].Valid) == 0 {
			valid = append(valid, "-")
			continue
		}
		valid = append(valid, f.over(func(r Run) float64 { return r.Valid[m].Value }))
	}
	return metrics, valid, test
}

// Row returns the figures as a line of a Markdown table.
func (f *Figures) Row(name string) string {
	_, valid, test := f.Values()
	return fmt.Sprintf("| %s | %s | %s | %d | %d |", name, strings.Join(valid, " / "), strings.Join(test, " / "), len(f.Runs), f.Runs[0].Epochs)
}

// Head returns the lines above the rows, for runs with the metrics of f.
func (f *Figures) Head() string {
	metrics, _, _ := f.Values()
	return "| preset | " + strings.Join(metrics, " / ") + " valid | test | seeds | epochs |\n|---|---:|---:|---:|---:|"
}

// over returns the mean of a number of each run, with the standard deviation (divisor
// n − 1) of several.
func (f *Figures) over(of func(Run) float64) string {
	n, mean, squares := float64(len(f.Runs)), 0.0, 0.0
	for _, r := range f.Runs {
		mean += of(r) / n
	}
	if n == 1 {
		return fmt.Sprintf("%.4f", mean)
	}
	for _, r := range f.Runs {
		squares += (of(r) - mean) * (of(r) - mean)
	}
	return fmt.Sprintf("%.4f ± %.4f", mean, math.Sqrt(squares/(n-1)))
}
