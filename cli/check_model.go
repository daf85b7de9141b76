package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// The settings of training that a check of a whole model takes, with what they are where
// they are not given: a set and tables so small that a difference is taken at every
// number, and weights so large that scores are far from equal.
var checkSettings = map[string]string{
	"data": "demo:users=12,items=9,per-user=4", "user-features": "", "item-features": "", "model": "", "dim": "4", "score": "", "temperature": "", "bias": "", "init": "0.5",
	"candidates": "", "task": "", "weight": "", "batch": "8", "dropout": "",
}

// checkTemperature divides cosines in a check of a whole model where training would take
// the natural temperature.
const checkTemperature = "0.2"

// modelCheck are the flags of a check of a whole model.
type modelCheck struct {
	flags  *pflag.FlagSet
	probes int
	dump   string
}

// The files of --dump.
const (
	dumpInputs    = "inputs.safetensors"
	dumpGradients = "gradients.safetensors"
)

func addModelCheck(cmd *cobra.Command) *modelCheck {
	c := &modelCheck{flags: cmd.Flags(), probes: 1000}
	for _, s := range settings {
		usual, ok := checkSettings[s.flag]
		if !ok {
			continue
		}
		usage := "with --model: " + s.usage
		if s.flag == "temperature" {
			usage = "with --model: divides the scores before any loss, or learned; unless given " + checkTemperature + " where training takes the natural one, so that scores are far from equal"
		}
		if s.flag == "model" {
			usage = "check the gradient of this whole model by every table"
		}
		if usual != "" {
			usage += " (default " + usual + ")"
		}
		flag := c.flags.VarPF(&textValue{kind: s.kind}, s.flag, "", usage)
		flag.NoOptDefVal = s.alone
		if s.complete != nil {
			must(cmd.RegisterFlagCompletionFunc(s.flag, s.complete))
		}
	}
	addWhole(c.flags, &c.probes, "probes", 0, maxCount, "with --model: numbers of each table at which a difference is taken, at most")
	c.flags.StringVar(&c.dump, "dump", "", "with --model: folder to write the inputs and all gradients into, as "+dumpInputs+" and "+dumpGradients)
	must(cmd.MarkFlagDirname("dump"))
	return c
}

// given reports whether a whole model is to be checked, or what does not go together.
func (m *modelCheck) given(c checkConfig) (bool, error) {
	_, _, candidates := models.CutCandidates(c.loss)
	if m.flags.Changed("model") {
		if m.flags.Changed("table") {
			return false, usagef("--table is of losses: a model's gradients print as they do, or with --json")
		}
		for _, name := range []string{"k", "scale"} {
			if m.flags.Changed(name) {
				return false, usagef("--%s is of a loss's own scores, and with --model they are the model's: it follows from --data, --dim, --init and --temperature", name)
			}
		}
		return true, nil
	}
	for _, name := range append(sortedKeys(checkSettings), "probes", "dump") {
		if m.flags.Changed(name) {
			return false, usagef("--%s is of a whole model: give --model too; the choices are %s", name, strings.Join(modelNames(), ", "))
		}
	}
	if candidates {
		return false, usagef("--loss: %s names candidates, which are of a whole model: give --model too; the choices are %s", c.loss, strings.Join(modelNames(), ", "))
	}
	return false, nil
}

func modelNames() []string {
	return namesOf(models.All, func(s *models.Spec) string { return s.Name })()
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// plan returns the plan of training under loss, as far as the check takes it.
func (m *modelCheck) plan(loss string, seed uint64) (*train.Plan, error) {
	var cfg train.Config
	for _, s := range settings {
		usual, ok := checkSettings[s.flag]
		if m.flags.Changed(s.flag) && ok {
			usual = m.flags.Lookup(s.flag).Value.String()
		}
		if s.flag == "loss" {
			usual, ok = loss, true
		}
		if !ok || usual == "" && !m.flags.Changed(s.flag) {
			continue
		}
		if err := cfg.Set(s.path, usual); err != nil {
			return nil, usageError{nameFlags(err)}
		}
	}
	cfg.Train.Seed = seed
	p, err := cfg.Plan()
	if err == nil && p.Config.Model.Temperature == "" {
		// At the natural temperature all scores of a sparse loss are nearly equal at first,
		// and no class is outside its support.
		cfg.Model.Temperature = checkTemperature
		p, err = cfg.Plan()
	}
	if err == nil && !m.flags.Changed("data") {
		switch {
		case p.Task.Ordered():
			cfg.Data.Source += ",order=true"
		case p.Task.ByFeatures():
			cfg.Data.Source += ",features=7,has=3"
		}
		p, err = cfg.Plan()
	}
	if err != nil {
		return nil, usageError{nameFlags(err)}
	}
	return p, nil
}

// losses returns the texts of the losses to check, with their candidates, and whether
// they are all that there are.
func (m *modelCheck) losses(c checkConfig) (texts []string, all bool) {
	name, candidates, found := models.CutCandidates(c.loss)
	if name != "all" {
		return []string{c.loss}, false
	}
	for _, l := range losses.Names() {
		if found {
			l += "@" + candidates
		} else if !m.flags.Changed("candidates") { // those of a recipe of that name are not meant
			l += "@all"
		}
		texts = append(texts, l)
	}
	return texts, true
}

// A modelResult is what was found of one loss: a report, or why there is none.
type modelResult struct {
	plan   *train.Plan
	loss   losses.Loss
	text   string // of it, with its candidates
	report *models.GradientReport
	refuse error

	// split is what the cost would be more by with a row for each interaction, which leaves
	// the gradient as it is; NaN where it does not.
	split float64
}

func runModelCheck(ctx context.Context, w io.Writer, m *modelCheck, c checkConfig) error {
	texts, all := m.losses(c)
	if all { // what goes with no loss is said once
		if _, err := m.plan(strings.Replace(texts[0], losses.Names()[0], "softmax", 1), c.seed); err != nil {
			return err
		}
	}
	if all && m.dump != "" {
		return usagef("--dump is of one loss: name it with --loss")
	}
	var results []modelResult
	for _, text := range texts {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := m.check(text, c.seed)
		if err != nil && !all {
			return err
		}
		r.text, r.refuse = text, err
		results = append(results, r)
	}
	if m.dump != "" {
		if err := results[0].dump(m.dump); err != nil {
			return fmt.Errorf("--dump: %w", err)
		}
	}
	return reportModels(w, results, c.asJSON)
}

// check checks one loss. Disagreement is in the report and no error.
func (m *modelCheck) check(loss string, seed uint64) (modelResult, error) {
	p, err := m.plan(loss, seed)
	if err != nil {
		return modelResult{}, err
	}
	_, set, err := loadOf(p)
	if err != nil {
		return modelResult{}, err
	}
	if p, err = p.On(set); err != nil {
		return modelResult{}, err
	}
	rec, err := p.New(set)
	if err != nil {
		return modelResult{}, err
	}
	l, err := p.Choice.LossFor(set.Items)
	if err != nil {
		return modelResult{}, err
	}
	examples, err := p.ExamplesOf(set)
	if err != nil {
		return modelResult{}, err
	}
	model, dropped := rec.Model, ""
	if p := p.Config.Train.Dropout; p > 0 {
		model, dropped = models.Dropped(rec.Model, p, seed), fmt.Sprintf(", dropout %g", p)
	}
	r, err := models.CheckGradient(model, rec.Head, l, examples, rec.Classes(), p.Config.Train.Batch, graph.GradientCheck{Probes: max(m.probes, 1), Seed: seed})
	if r == nil {
		return modelResult{}, err
	}
	d := p.Config
	r.Title = fmt.Sprintf("model %s%s, loss %s, candidates %s, task %s weighed by %s, score %s at temperature %s, %s",
		d.Model.Name, dropped, d.Loss, d.Candidates, d.Train.Task, d.Train.Weight, d.Model.Score, d.Model.Temperature, d.Data.Source)
	split := splitOf(p.Choice.Head, l, examples, d.Train.Batch)
	if dropped != "" { // other rows, other places that are dropped
		split = math.NaN()
	}
	return modelResult{plan: p, loss: l, report: r, split: split}, nil
}

// splitOf returns what a row for each interaction adds to the mean loss of the first rows of
// x over all classes; NaN where that changes more than a constant, or where each row has
// one already.
func splitOf(head models.HeadKind, l losses.Loss, x *data.Examples, rows int) float64 {
	batch, err := x.First(rows)
	if err != nil || !head.Spec.Exact || len(batch.Targets.Class) == batch.Len() {
		return math.NaN()
	}
	var sum, total float64
	for i := range batch.Len() {
		lo, hi := batch.Targets.Ptr[i], batch.Targets.Ptr[i+1]
		t := losses.Target[float64]{Pos: batch.Targets.Class[lo:hi]}
		for _, w := range batch.Targets.Weight[lo:hi] {
			t.Weight = append(t.Weight, float64(w))
		}
		c, err := l.SplitConstant(t)
		if err != nil {
			return math.NaN()
		}
		w := 1.0
		if batch.Weight != nil {
			w = float64(batch.Weight[i])
		}
		sum, total = sum+w*c, total+w
	}
	return sum / total
}

// reportModels prints results and returns an error if any failed.
func reportModels(w io.Writer, results []modelResult, asJSON bool) error {
	failed, refused := 0, 0
	for _, r := range results {
		switch {
		case r.refuse != nil:
			refused++
		case !r.report.OK():
			failed++
		}
	}
	if asJSON {
		if err := printModelsJSON(w, results); err != nil {
			return err
		}
	} else {
		printModels(w, results, failed, refused)
	}
	if refused == len(results) {
		return errors.New("no loss goes with these settings")
	}
	if failed > 0 {
		return fmt.Errorf("the check failed: %d of %d", failed, len(results)-refused)
	}
	return nil
}

func printModels(w io.Writer, results []modelResult, failed, refused int) {
	for i, r := range results {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if r.refuse != nil {
			fmt.Fprintf(w, "loss %s is not checked: %v\n", r.text, r.refuse)
			continue
		}
		fmt.Fprint(w, r.report)
		if !math.IsNaN(r.split) {
			fmt.Fprintf(w, "with a row for each interaction the gradient is the same, and the cost is more by %.4g\n", r.split)
		}
		if err := r.report.Err(); err != nil {
			fmt.Fprintln(w, err)
		}
	}
	if len(results) > 1 {
		fmt.Fprintf(w, "\n%d losses, %d passed, %d failed, %d do not go with these settings\n", len(results), len(results)-failed-refused, failed, refused)
	}
}

func printModelsJSON(w io.Writer, results []modelResult) error {
	type row struct {
		Parameter string                   `json:"parameter"`
		Where     string                   `json:"where"`
		Values    map[string]report.Number `json:"values"`
		Error     report.Number            `json:"error"`
		Tolerance report.Number            `json:"tolerance"`
		Compared  int                      `json:"compared"`
		Kinks     int                      `json:"kinks"`
		OK        bool                     `json:"ok"`
	}
	type result struct {
		Model      string        `json:"model"`
		Loss       string        `json:"loss"`
		Candidates string        `json:"candidates"`
		Task       string        `json:"task"`
		Weight     string        `json:"weight"`
		Data       string        `json:"data"`
		Seed       uint64        `json:"seed"`
		OK         *bool         `json:"ok,omitempty"` // not of what is refused
		Refused    string        `json:"refused,omitempty"`
		Split      report.Number `json:"cost_of_a_row_for_each_interaction"` // more than the cost; null where the gradient is another then
		Rows       []row         `json:"rows"`
	}
	out := []result{}
	for _, r := range results {
		if r.refuse != nil {
			out = append(out, result{Loss: r.text, Refused: r.refuse.Error(), Split: report.Number(math.NaN()), Rows: []row{}})
			continue
		}
		d := r.plan.Config
		o := result{Model: d.Model.Name, Loss: d.Loss, Candidates: d.Candidates, Task: d.Train.Task, Weight: d.Train.Weight, Data: d.Data.Source, Seed: d.Train.Seed, OK: new(r.report.OK()), Split: report.Number(r.split)}
		for _, x := range r.report.Rows {
			values := map[string]report.Number{}
			for _, v := range x.Values {
				values[v.By] = report.Number(v.Value)
			}
			o.Rows = append(o.Rows, row{x.Param, x.Where, values, report.Number(x.Error), report.Number(x.Tolerance), x.Compared, x.Kinks, x.OK()})
		}
		out = append(out, o)
	}
	return printJSON(w, out)
}

// dump writes what was computed, and from what, into a folder.
func (r modelResult) dump(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var inputs, gradients []graph.Array
	for _, a := range r.report.Arrays {
		if strings.HasPrefix(a.Name, "gradient/") || strings.HasPrefix(a.Name, "cost/") {
			gradients = append(gradients, a)
		} else {
			inputs = append(inputs, a)
		}
	}
	meta := r.meta()
	return errors.Join(
		weights.Write(filepath.Join(dir, dumpInputs), meta, inputs),
		weights.Write(filepath.Join(dir, dumpGradients), meta, gradients))
}

// meta says what was computed: the loss with every parameter, and how scores are made.
func (r modelResult) meta() map[string]any {
	d, l := r.plan.Config, r.loss
	params := map[string]string{}
	for _, p := range l.Spec.Params {
		params[p.Name] = l.Values.Of(p)
	}
	return map[string]any{
		"model": d.Model.Name, "candidates": d.Candidates, "task": d.Train.Task, "weight": d.Train.Weight, "data": d.Data.Source, "seed": d.Train.Seed,
		"score": d.Model.Score, "temperature": d.Model.Temperature, "loss": l.Spec.Name, "params": params,
	}
}
