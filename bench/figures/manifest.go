package main

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Where the manifest and the records are, from the root of the repository.
const (
	manifestName = "bench/figures/manifest.yaml"
	recordsName  = "bench/figures/recorded"
)

// A manifest is the list of all runs whose figures documents have.
type manifest struct {
	Runs []run `yaml:"runs"`
}

// A run is a command that prints figures. The head of the manifest says what its fields are.
type run struct {
	Name      string   `yaml:"name"`
	About     string   `yaml:"about"`
	Command   string   `yaml:"command"`
	Timing    bool     `yaml:"timing"`
	Needs     []string `yaml:"needs"`
	Tolerance string   `yaml:"tolerance"`
}

// runName is what a run may be called: a reference ends its name at other characters.
var runName = regexp.MustCompile(`^[a-z0-9]+(?:[-.][a-z0-9]+)*$`)

// readManifest reads the manifest of a file, and returns all its faults in one error.
func readManifest(file string) (*manifest, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var m manifest
	if err := yaml.UnmarshalWithOptions(text, &m, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: %s", file, yaml.FormatError(err, false, true))
	}
	var faults []string
	say := func(r run, format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: run %s: %s", file, cmp.Or(r.Name, "without a name"), fmt.Sprintf(format, args...)))
	}
	seen := map[string]bool{}
	for i, r := range m.Runs {
		m.Runs[i].Command = strings.TrimSpace(r.Command)
		if !runName.MatchString(r.Name) {
			say(r, "%q is no name: want small letters, digits, hyphens and points", r.Name)
		}
		if seen[r.Name] {
			say(r, "the name is given twice")
		}
		seen[r.Name] = true
		if strings.TrimSpace(r.About) == "" {
			say(r, "about says nothing")
		}
		if m.Runs[i].Command == "" {
			say(r, "there is no command")
		}
		if _, err := r.allowed(1); err != nil {
			say(r, "%v", err)
		}
	}
	if len(m.Runs) == 0 {
		faults = append(faults, file+": there are no runs")
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(faults, "\n"))
	}
	return &m, nil
}

// run returns the run of a name, nil where there is none.
func (m *manifest) run(name string) *run {
	if i := slices.IndexFunc(m.Runs, func(r run) bool { return r.Name == name }); i >= 0 {
		return &m.Runs[i]
	}
	return nil
}

func (m *manifest) names() (all []string) {
	for _, r := range m.Runs {
		all = append(all, r.Name)
	}
	return all
}

// choose returns the runs of the names, all where there are none.
func (m *manifest) choose(names []string) ([]*run, error) {
	var chosen []*run
	for i := range m.Runs {
		if len(names) == 0 || slices.Contains(names, m.Runs[i].Name) {
			chosen = append(chosen, &m.Runs[i])
		}
	}
	for _, name := range names {
		if m.run(name) == nil {
			return nil, fmt.Errorf("%s has no run %q%s", manifestName, name, registry.Offer(name, m.names()))
		}
	}
	return chosen, nil
}

// allowed returns by how much a value may differ when it is made again.
func (r run) allowed(value float64) (float64, error) {
	text, relative := strings.CutSuffix(strings.TrimSpace(r.Tolerance), "%")
	t, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(t >= 0 && t <= 1000) {
		return 0, fmt.Errorf("tolerance %q: want a number such as 0.003, or a share of the value such as 20%%", r.Tolerance)
	}
	if relative {
		return t / 100 * max(value, -value), nil
	}
	return t, nil
}

// A record is what a run printed, and where and when.
type record struct {
	command, machine, made string
	text                   string // standard output
}

// Names of the lines at the head of a record.
const commandKey, machineKey, madeKey = "command: ", "machine: ", "made: "

// bytes returns the record as a file.
func (r record) bytes() []byte {
	return []byte(commandKey + strings.ReplaceAll(r.command, "\n", "\n  ") + "\n" + machineKey + r.machine + "\n" + madeKey + r.made + "\n\n" + r.text)
}

// date returns the day on which the record was made.
func (r record) date() string {
	day, _, _ := strings.Cut(r.made, " ")
	return day
}

// made is the form of when and where from: a day, and what follows it.
var made = regexp.MustCompile(`^\d{4}-\d{2}-\d{2} at \S+`)

// parseRecord reads a record.
func parseRecord(text string) (*record, error) {
	head, body, found := strings.Cut(text, "\n\n")
	if !found {
		return nil, fmt.Errorf("it has no empty line between its head and the output")
	}
	r := &record{text: body}
	lines := strings.Split(head, "\n")
	command := []string{}
	for i, line := range lines {
		switch {
		case i == 0 && strings.HasPrefix(line, commandKey):
			command = append(command, strings.TrimPrefix(line, commandKey))
		case len(command) == i && strings.HasPrefix(line, "  "):
			command = append(command, line[2:])
		case strings.HasPrefix(line, machineKey):
			r.machine = strings.TrimSpace(strings.TrimPrefix(line, machineKey))
		case strings.HasPrefix(line, madeKey):
			r.made = strings.TrimSpace(strings.TrimPrefix(line, madeKey))
		default:
			return nil, fmt.Errorf("line %d, %q, is none of its head: want %q, then lines of the command behind two blanks, %q and %q", i+1, line, commandKey, machineKey, madeKey)
		}
	}
	r.command = strings.Join(command, "\n")
	if r.machine == "" {
		return nil, fmt.Errorf("it names no machine")
	}
	if !made.MatchString(r.made) {
		return nil, fmt.Errorf("made %q: want a day and a commit, as in 2026-11-28 at bd2acd24cebe", r.made)
	}
	return r, nil
}

// A book is the manifest with its records.
type book struct {
	manifest *manifest
	folder   string // of the records
	records  map[string]*record
	outputs  map[string]*output
	faults   []fault // of records that cannot be read, or belong to no run
}

// readBook reads the records of a manifest's runs.
func readBook(manifestFile, folder string) (*book, error) {
	m, err := readManifest(manifestFile)
	if err != nil {
		return nil, err
	}
	b := &book{manifest: m, folder: folder, records: map[string]*record{}, outputs: map[string]*output{}}
	entries, err := os.ReadDir(folder)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, e := range entries {
		b.read(e)
	}
	return b, nil
}

func (b *book) read(e fs.DirEntry) {
	file := filepath.Join(b.folder, e.Name())
	name, found := strings.CutSuffix(e.Name(), ".txt")
	if !found || b.manifest.run(name) == nil {
		b.faults = append(b.faults, fault{file, 0, "no run of the manifest is called so: delete the file, or add the run"})
		return
	}
	text, err := os.ReadFile(file)
	if err == nil {
		var r *record
		if r, err = parseRecord(string(text)); err == nil {
			b.records[name] = r
			return
		}
	}
	b.faults = append(b.faults, fault{file, 0, err.Error()})
}

// output returns what a run printed, nil where there is no record.
func (b *book) output(name string) *output {
	r := b.records[name]
	if r == nil {
		return nil
	}
	if b.outputs[name] == nil {
		b.outputs[name] = parseOutput(r.text)
	}
	return b.outputs[name]
}

// current reports whether the record of a run is of the command that the manifest has.
func (b *book) current(r *run) bool {
	have := b.records[r.Name]
	return have != nil && have.command == r.Command
}
