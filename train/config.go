package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// A Config is all that decides a run. The zero value of a field is its default,
// so the zero Config is a run: matrix factorisation with full softmax on the
// generated demo set. With the same Config and the same data a run gives the
// same bits.
//
// Its text is YAML: groups data, model, train and eval, and the texts loss and
// candidates. Parse, and Set for flags, read every value by one rule; what they are
// given is never taken for a default, so that "epochs: 0" is an error and no run of 40
// epochs.
type Config struct {
	Data DataConfig `yaml:"data,omitempty"`

	Model ModelConfig `yaml:"model,omitempty"`

	// Loss is the text of a loss, e.g. "entmax:alpha=1.3", or of a recipe, e.g.
	// "sampled-softmax:n=64", either followed by @ and candidates, as in
	// "sparsemax@sampled:n=64"; default what the solver names: "softmax", "rg2" with
	// solver als, none with ials, whose loss is its own.
	Loss string `yaml:"loss,omitempty"`

	// Candidates is a head's text: which classes a training row is scored against, in
	// place of an @ in Loss; default that of a recipe, else "all". What a recipe's text sets of
	// candidates goes to these; what they do not take is an error.
	Candidates string `yaml:"candidates,omitempty"`

	Train TrainConfig `yaml:"train,omitempty"`
	Eval  EvalConfig  `yaml:"eval,omitempty"`
}

// DataConfig says what to learn from; see data.Config.
type DataConfig struct {
	// Source is a file, a directory of splits or a demo text; default "demo".
	Source string `yaml:"source,omitempty"`

	// Format is a registered format; default recognised by content.
	Format string `yaml:"format,omitempty"`

	// MinRating drops interactions rated lower, 0 those below 0; default none.
	MinRating *float64 `yaml:"min_rating,omitempty"`

	// Core keeps users and items with at least so many interactions; default 0: all.
	Core int `yaml:"core,omitempty"`

	// Split is a split's text; default "given" where the source has splits, else
	// data.DefaultSplit.
	Split string `yaml:"split,omitempty"`
}

// Config returns what data.Load takes.
func (c DataConfig) Config() data.Config {
	return data.Config{Source: c.Source, Format: c.Format, MinRating: c.MinRating, Core: c.Core, Split: c.Split}
}

// ModelConfig says what is trained.
type ModelConfig struct {
	// Name is a model's text; default "mf".
	Name string `yaml:"name,omitempty"`

	// Dim is d, the width of encodings and class vectors; default 64.
	Dim int `yaml:"dim,omitempty"`

	// Score is how the two meet, "cosine" or "dot"; default "cosine", "dot" with the
	// solvers als and ials.
	Score string `yaml:"score,omitempty"`

	// Temperature τ > 0 divides the scores before any loss, whatever temperature the
	// loss has beside it: the two multiply. Default 0.2 for cosine scores; 1 for dot,
	// for the losses of cosines, which scale them themselves, and where Loss has a
	// temperature of its own, as softmax:tau=0.1 has, which then is the only one.
	Temperature float64 `yaml:"temperature,omitempty"`

	// Bias trains a bias per class; default false.
	Bias bool `yaml:"bias,omitempty"`

	// Init is the standard deviation of the first weights, normal around 0; default
	// 0.1, 0.01 with als and ials.
	Init float64 `yaml:"init,omitempty"`
}

// TrainConfig says how.
type TrainConfig struct {
	// Solver is a solver's text; default "gradient".
	Solver string `yaml:"solver,omitempty"`

	// Epochs is the number of passes over the data (sweeps of als); default 40, 16
	// with als and ials.
	Epochs int `yaml:"epochs,omitempty"`

	// Rows is what a row of a batch is: "user", one user with all positives, or
	// "pair", one interaction; default "user". Of solver gradient.
	Rows string `yaml:"rows,omitempty"`

	// Batch is the number of rows of a step; default 128. Of solver gradient.
	Batch int `yaml:"batch,omitempty"`

	// Optimizer is an optimizer's text; default "adam:lr=0.01,mode=dense", whose
	// step costs time in proportion to the tables, with candidates "all", and else
	// "adam:lr=0.01", which is lazy and does not. Of solver gradient.
	Optimizer string `yaml:"optimizer,omitempty"`

	// Schedule is a learning-rate schedule's text; default "constant". Of solver
	// gradient.
	Schedule string `yaml:"schedule,omitempty"`

	// Patience ends the run after so many evaluations in a row without a better
	// value of Monitor, and restores the weights of the best one; default 0: run all
	// epochs and keep the last weights.
	Patience int `yaml:"patience,omitempty"`

	// Monitor is the metric that Patience watches; default the first of
	// Eval.Metrics.
	Monitor string `yaml:"monitor,omitempty"`

	// Seed decides the first weights and the order of batches; default 0.
	Seed uint64 `yaml:"seed,omitempty"`
}

// EvalConfig says what is measured.
type EvalConfig struct {
	// Metrics are metrics' texts; default recall@20 and ndcg@20.
	Metrics []string `yaml:"metrics,omitempty,flow"`

	// Every is the number of epochs between evaluations on valid, which the last
	// epoch always gets; default 1.
	Every int `yaml:"every,omitempty"`

	// Items says which items rankings hold: "warm", those with a pair in train, or
	// "all", the others too, whose vectors are mostly as they were drawn; default
	// "warm". A relevant item that is left out counts in a metric's denominator, as a
	// miss: so values of the two compare.
	Items string `yaml:"items,omitempty"`
}

// The choices of EvalConfig.Items.
const (
	WarmItems = "warm"
	AllItems  = "all"
)

// ItemsChoices lists them.
func ItemsChoices() []string { return []string{WarmItems, AllItems} }

// CheckItems returns an error that lists the choices unless text is one.
func CheckItems(text string) error {
	if !slices.Contains(ItemsChoices(), text) {
		return fmt.Errorf("unknown items %q; the choices are %s", text, strings.Join(ItemsChoices(), ", "))
	}
	return nil
}

// WithDefaults returns c with the defaults written out and every text in its canonical form,
// the one that all spellings of a setting share ("softmax:tau=1.0" is "softmax"): what
// a run records, so that a later change of a default does not change what it
// reproduces, and what runs are compared by. A text that denotes nothing stays as it
// is; Validate reports it.
func (c Config) WithDefaults() Config {
	c = c.canonical() // defaults depend on what is given, not on how it is spelled
	set(&c.Data.Source, "demo")
	set(&c.Model.Name, "mf")
	set(&c.Model.Dim, 64)
	set(&c.Train.Solver, "gradient")
	set(&c.Eval.Every, 1)
	set(&c.Eval.Items, WarmItems)
	if len(c.Eval.Metrics) == 0 {
		c.Eval.Metrics = []string{"recall@20", "ndcg@20"}
	}
	set(&c.Train.Monitor, c.Eval.Metrics[0])
	solver, err := solvers.Lookup("gradient")
	if err != nil { // a mistake of this package
		panic("train: " + err.Error())
	}
	if s, err := parseSolver(c.Train.Solver); err == nil { // else Validate says so; the rest is held against the default
		solver = s.Spec
	}
	solver.fill(&c)
	loss, err := models.Resolve(c.Loss, c.Candidates, 0)
	if err == nil {
		c.Candidates = loss.Candidates
	} else { // Validate says so
		loss, err = models.Resolve(c.Loss, "", 0)
	}
	set(&c.Candidates, "all")
	switch models.Score(c.Model.Score) {
	case models.Cosine:
		if err == nil && (loss.Loss.Spec.Domain == losses.Cosines || loss.Loss.Unit() != 1) {
			set(&c.Model.Temperature, 1)
		}
		set(&c.Model.Temperature, 0.2)
	case models.Dot:
		set(&c.Model.Temperature, 1)
	}
	return c.canonical()
}

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate reports all faults that show without the data, each with its path.
func (c Config) Validate() error {
	var faults []error
	fault := func(path string, err error) {
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", path, err))
		}
	}
	check := func(path string, ok bool, format string, args ...any) {
		if !ok {
			fault(path, fmt.Errorf(format, args...))
		}
	}
	given := c
	c = c.WithDefaults()
	fault("data", c.Data.Config().Validate())
	_, err := models.Parse(c.Model.Name)
	fault("model.name", err)
	check("model.score", slices.Contains(models.Scores(), models.Score(c.Model.Score)),
		"unknown score %q; the choices are %v", c.Model.Score, models.Scores())
	_, err = models.ParseHead(c.Candidates)
	fault("candidates", err)
	solver, err := parseSolver(c.Train.Solver)
	fault("train.solver", err)
	if err == nil {
		solver.Spec.check(given, c, fault)
	}
	ats, err := metric.ParseAll(c.Eval.Metrics)
	fault("eval.metrics", err)
	if err == nil {
		at, err := metric.Parse(c.Train.Monitor)
		fault("train.monitor", err)
		check("train.monitor", err != nil || slices.Contains(ats, at), "%s is not among eval.metrics (%s)", c.Train.Monitor, strings.Join(c.Eval.Metrics, ", "))
	}
	fault("eval.items", CheckItems(c.Eval.Items))
	for _, path := range Paths() {
		if text, ok := c.field(path).Interface().(string); ok {
			check(path, utf8.ValidString(text), "%q is not UTF-8, and no configuration file can hold it", text)
		}
		if b, ok := bounds[path]; ok && !strings.HasPrefix(path, "data.") { // package data has said those
			fault(path, b.check(c.field(path)))
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return fmt.Errorf("config: %w", errors.Join(faults...))
}

// checkGradient is the check of the fields that solver gradient reads.
func checkGradient(_, c Config, fault func(path string, err error)) {
	candidates := c.Candidates
	if _, err := models.ParseHead(candidates); err != nil {
		candidates = "" // what is wrong with them is said of them
	}
	choice, err := models.Resolve(c.Loss, candidates, 0)
	loss := choice.Loss
	fault("loss", err)
	if err == nil && loss.Spec.Domain == losses.Cosines && (c.Model.Score != string(models.Cosine) || c.Model.Temperature != 1 || c.Model.Bias) {
		fault("loss", fmt.Errorf("%s takes cosines: set model.score to cosine, model.temperature to 1 and model.bias to false", loss.Spec.Name))
	}
	_, err = data.ParseTask(c.Train.Rows)
	fault("train.rows", err)
	_, err = optim.Parse(c.Train.Optimizer)
	fault("train.optimizer", err)
	_, err = optim.ParseSchedule(c.Train.Schedule)
	fault("train.schedule", err)
}
