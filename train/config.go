package train

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

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
// candidates.
type Config struct {
	Data DataConfig `yaml:"data,omitempty"`

	Model ModelConfig `yaml:"model,omitempty"`

	// Loss is the text of a loss, e.g. "entmax:alpha=1.3", or of a composition, e.g.
	// "sampled-softmax:n=64"; default what the solver
	// names: "softmax", "rg2" with solver als, none with ials, whose loss is its own.
	Loss string `yaml:"loss,omitempty"`

	// Candidates is a head's text: which classes a training row is scored against;
	// default that of a composition, else "all". What a composition's text sets of
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

	// Temperature τ > 0 divides the scores before any loss; default 0.2 for cosine
	// scores, 1 for dot and for the losses of cosines, which scale them themselves.
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

// Filled returns c with the defaults written out: what a run records, so that a
// later change of a default does not change what it reproduces.
func (c Config) Filled() Config {
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
	s, err := parseSolver(c.Train.Solver)
	if err != nil { // Validate says so; the rest is held against the default
		s, _ = parseSolver("gradient")
	}
	s.Spec.fill(&c)
	loss, err := models.Resolve(c.Loss, c.Candidates, 0)
	if err == nil {
		c.Candidates = loss.Candidates
	} else { // Validate says so
		loss, err = models.Resolve(c.Loss, "", 0)
	}
	set(&c.Candidates, "all")
	switch models.Score(c.Model.Score) {
	case models.Cosine:
		if err == nil && loss.Loss.Spec.Domain == losses.Cosines {
			set(&c.Model.Temperature, 1)
		}
		set(&c.Model.Temperature, 0.2)
	case models.Dot:
		set(&c.Model.Temperature, 1)
	}
	return c
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
	c = c.Filled()
	fault("data", c.Data.Config().Validate())
	_, err := models.Parse(c.Model.Name)
	fault("model.name", err)
	check("model.dim", c.Model.Dim >= 1, "%d is below 1", c.Model.Dim)
	check("model.score", slices.Contains(models.Scores(), models.Score(c.Model.Score)),
		"unknown score %q; the choices are %v", c.Model.Score, models.Scores())
	check("model.temperature", c.Model.Temperature > 0 && !math.IsInf(c.Model.Temperature, 0), "%g is not above 0", c.Model.Temperature)
	check("model.init", c.Model.Init > 0 && !math.IsInf(c.Model.Init, 0), "%g is not above 0", c.Model.Init)
	_, err = models.ParseHead(c.Candidates)
	fault("candidates", err)
	solver, err := parseSolver(c.Train.Solver)
	fault("train.solver", err)
	check("train.epochs", c.Train.Epochs >= 1, "%d is below 1", c.Train.Epochs)
	if err == nil {
		solver.Spec.check(given, c, fault)
	}
	check("train.patience", c.Train.Patience >= 0, "%d is below 0", c.Train.Patience)
	ats, err := metric.ParseAll(c.Eval.Metrics)
	fault("eval.metrics", err)
	if err == nil {
		at, err := metric.Parse(c.Train.Monitor)
		fault("train.monitor", err)
		check("train.monitor", err != nil || slices.Contains(ats, at), "%s is not among eval.metrics (%s)", c.Train.Monitor, strings.Join(c.Eval.Metrics, ", "))
	}
	check("eval.every", c.Eval.Every >= 1, "%d is below 1", c.Eval.Every)
	fault("eval.items", CheckItems(c.Eval.Items))
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
	resolved, err := models.Resolve(c.Loss, candidates, 0)
	loss := resolved.Loss
	fault("loss", err)
	if err == nil && loss.Spec.Domain == losses.Cosines && (c.Model.Score != string(models.Cosine) || c.Model.Temperature != 1 || c.Model.Bias) {
		fault("loss", fmt.Errorf("%s takes cosines: set model.score to cosine, model.temperature to 1 and model.bias to false", loss.Spec.Name))
	}
	_, err = data.ParseRows(c.Train.Rows)
	fault("train.rows", err)
	if c.Train.Batch < 1 {
		fault("train.batch", fmt.Errorf("%d is below 1", c.Train.Batch))
	}
	_, err = optim.Parse(c.Train.Optimizer)
	fault("train.optimizer", err)
	_, err = optim.ParseSchedule(c.Train.Schedule)
	fault("train.schedule", err)
}

// String returns the YAML of the fields that are set: Parse of it gives c.
func (c Config) String() string {
	b, err := yaml.Marshal(c)
	if err != nil { // strings and numbers only
		panic("train: config: " + err.Error())
	}
	if string(b) == "{}\n" {
		return ""
	}
	return string(b)
}

// Parse reads YAML. An unknown key, a key given twice or a value of the wrong
// kind is an error that names the line; Parse does not Validate.
func Parse(text []byte) (Config, error) {
	var c Config
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return Config{}, yamlError(err)
	}
	switch n := len(file.Docs); {
	case n == 0 || n == 1 && file.Docs[0].Body == nil:
		return c, nil // blank, or comments alone
	case n > 1:
		return Config{}, fmt.Errorf("config: %d YAML documents, want one", n)
	}
	paths := map[int]string{}
	if err := knownKeys(file.Docs[0].Body, reflect.TypeFor[Config](), "", paths); err != nil {
		return Config{}, err
	}
	if err := yaml.Unmarshal(text, &c); err != nil {
		var wrong *yaml.TypeError
		if errors.As(err, &wrong) && wrong.Token != nil {
			line := wrong.Token.Position.Line
			return Config{}, fmt.Errorf("config: line %d: %s wants %s, not %q", line, paths[line], wrong.DstType, wrong.Token.Value)
		}
		return Config{}, yamlError(err)
	}
	return c, nil
}

// yamlError turns the library's error, which draws the source, into one line.
func yamlError(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fmt.Errorf("config: line %d: %s", y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf("config: %w", err)
}

// knownKeys holds the keys of a mapping against the fields of t, and notes which
// setting each line's value is of.
func knownKeys(n ast.Node, t reflect.Type, path string, paths map[int]string) error {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return nil // a group with nothing in it
	default:
		return fmt.Errorf("config: line %d: %s holds settings, not a %s", n.GetToken().Position.Line, quote(path), strings.ToLower(n.Type().String()))
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		f, ok := fieldOf(t, key)
		if !ok {
			return fmt.Errorf("config: line %d: unknown key %q%s; the choices are %s",
				v.Key.GetToken().Position.Line, key, in(path), strings.Join(keysOf(t), ", "))
		}
		if f.Type.Kind() != reflect.Struct {
			paths[v.Value.GetToken().Position.Line] = strings.TrimPrefix(path+"."+key, ".")
		} else if err := knownKeys(v.Value, f.Type, key, paths); err != nil {
			return err
		}
	}
	return nil
}

func quote(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + path
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return key
}

func keysOf(t reflect.Type) (keys []string) {
	for f := range t.Fields() {
		keys = append(keys, keyOf(f))
	}
	return keys
}

func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for f := range t.Fields() {
		if keyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// Paths lists the settings in order: "data.source", …, "eval.every".
func Paths() (paths []string) {
	for f := range reflect.TypeFor[Config]().Fields() {
		if f.Type.Kind() != reflect.Struct {
			paths = append(paths, keyOf(f))
			continue
		}
		for _, key := range keysOf(f.Type) {
			paths = append(paths, keyOf(f)+"."+key)
		}
	}
	return paths
}

// Set gives the setting at path, such as "train.epochs", a value; a list is
// written with commas. The error of an unknown path lists the choices.
func (c *Config) Set(path, value string) error {
	if !slices.Contains(Paths(), path) {
		return fmt.Errorf("config: unknown setting %q; the choices are %s", path, strings.Join(Paths(), ", "))
	}
	v := c.field(path)
	var err error
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = value
	case *int:
		*p, err = strconv.Atoi(value)
	case *uint64:
		*p, err = strconv.ParseUint(value, 10, 64)
	case *float64:
		*p, err = strconv.ParseFloat(value, 64)
	case **float64:
		*p = new(float64)
		**p, err = strconv.ParseFloat(value, 64)
	case *bool:
		*p, err = strconv.ParseBool(value)
	case *[]string:
		*p = nil
		for part := range strings.SplitSeq(value, ",") {
			*p = append(*p, strings.TrimSpace(part))
		}
	default:
		panic("train: config: no rule to set a " + v.Type().String())
	}
	if err != nil {
		kind := v.Type()
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		return fmt.Errorf("config: %s=%q is not a %s", path, value, kind)
	}
	return nil
}

// field returns the field at one of Paths.
func (c *Config) field(path string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for key := range strings.SplitSeq(path, ".") {
		f, _ := fieldOf(v.Type(), key)
		v = v.FieldByIndex(f.Index)
	}
	return v
}

// get returns the text of the setting at one of Paths.
func (c Config) get(path string) string {
	v := c.field(path)
	if v.Kind() == reflect.Pointer { // a setting that may be absent
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	return fmt.Sprint(v.Interface())
}
