package train

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
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

	// Loss is the text of a loss, e.g. "entmax:alpha=1.3", or of a composition, e.g.
	// "sampled-softmax:n=64", either followed by @ and candidates, as in
	// "sparsemax@sampled:n=64"; default what the solver names: "softmax", "rg2" with
	// solver als, none with ials, whose loss is its own.
	Loss string `yaml:"loss,omitempty"`

	// Candidates is a head's text: which classes a training row is scored against, in
	// place of an @ in Loss; default that of a composition, else "all". What a composition's text sets of
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

// Filled returns c with the defaults written out and every text in its canonical form,
// the one that all spellings of a setting share ("softmax:tau=1.0" is "softmax"): what
// a run records, so that a later change of a default does not change what it
// reproduces, and what runs are compared by. A text that denotes nothing stays as it
// is; Validate reports it.
func (c Config) Filled() Config {
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
	c = c.Filled()
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
	resolved, err := models.Resolve(c.Loss, candidates, 0)
	loss := resolved.Loss
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

// String returns the YAML of the fields that are set: Parse of it gives c.
func (c Config) String() string {
	b, err := yaml.MarshalWithOptions(c, yaml.CustomMarshaler(marshalText))
	if err != nil { // strings and numbers only
		panic("train: config: " + err.Error())
	}
	if string(b) == "{}\n" {
		return ""
	}
	return string(b)
}

// marshalText writes a text as the library does, but where Parse would read another one
// back: what has something in it that is not printable, or begins as no plain text does,
// goes between double quotes, with Go's escapes, which are among YAML's.
func marshalText(text string) ([]byte, error) {
	quoted := strings.ContainsFunc(text, func(r rune) bool { return !strconv.IsPrint(r) })
	for _, begin := range []string{"? ", "---", "..."} {
		quoted = quoted || strings.HasPrefix(text, begin)
	}
	if quoted {
		return []byte(strconv.Quote(text)), nil
	}
	return yaml.Marshal(text)
}

// Parse reads YAML, with or without a byte order mark. Every value is read as Set reads
// its text: quotes change nothing, a sequence is a list. An unknown key, a key given
// twice, a key without a value or a value that Set refuses is an error that names the
// line; Parse does not Validate.
func Parse(text []byte) (Config, error) {
	var c Config
	// The parser would replace what is not UTF-8 by another character.
	for n, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return Config{}, fmt.Errorf("config: line %d: %q is not UTF-8", n+1, line)
		}
	}
	file, err := parser.ParseBytes(bytes.TrimPrefix(text, []byte("\ufeff")), 0)
	if err != nil {
		return Config{}, yamlError(err)
	}
	switch n := len(file.Docs); {
	case n == 0 || n == 1 && file.Docs[0].Body == nil:
		return c, nil // blank, or comments alone
	case n > 1:
		return Config{}, fmt.Errorf("config: %d YAML documents, want one", n)
	}
	if err := c.read(file.Docs[0].Body, reflect.TypeFor[Config](), "", map[string]ast.Node{}); err != nil {
		return Config{}, fmt.Errorf("config: %w", err)
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

// read sets what a mapping of the fields of t gives. Anchors are those of the nodes
// before.
func (c *Config) read(n ast.Node, t reflect.Type, path string, anchors map[string]ast.Node) error {
	var values []*ast.MappingValueNode
	switch m := n.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	case *ast.NullNode:
		return nil // a group with nothing in it
	default:
		return fmt.Errorf("line %d: %s holds settings, not a %s", n.GetToken().Position.Line, quote(path), strings.ToLower(n.Type().String()))
	}
	for _, v := range values {
		key := v.Key.GetToken().Value
		f, ok := fieldOf(t, key)
		if !ok {
			return fmt.Errorf("line %d: unknown key %q%s; the choices are %s",
				v.Key.GetToken().Position.Line, key, in(path), strings.Join(keysOf(t), ", "))
		}
		if f.Type.Kind() == reflect.Struct {
			if err := c.read(v.Value, f.Type, key, anchors); err != nil {
				return err
			}
			continue
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		value := plain(v.Value, anchors)
		texts, err := textsOf(value, anchors)
		if err == nil {
			_, isList := value.(*ast.SequenceNode)
			err = c.set(at, texts, isList)
		}
		var wrong *wrongKind
		if errors.As(err, &wrong) {
			err = fmt.Errorf("%s wants %s, not %q", at, wrong.kind, wrong.text)
		} else if errors.Is(err, errNoText) {
			err = fmt.Errorf("%s: %w", at, err)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", v.Value.GetToken().Position.Line, err)
		}
	}
	return nil
}

// plain returns the node that an anchor marks or an alias stands for.
func plain(n ast.Node, anchors map[string]ast.Node) ast.Node {
	switch m := n.(type) {
	case *ast.AnchorNode:
		anchors[m.Name.GetToken().Value] = m.Value
		return m.Value
	case *ast.AliasNode:
		if to, ok := anchors[m.Value.GetToken().Value]; ok {
			return to
		}
	}
	return n
}

// errNoText is the error of a node that has no text.
var errNoText = errors.New("no value")

// textsOf returns the text of a scalar as it is written, without its quotes, or those
// of a sequence of scalars.
func textsOf(n ast.Node, anchors map[string]ast.Node) (texts []string, err error) {
	switch m := n.(type) {
	case *ast.StringNode:
		return []string{m.Value}, nil
	case *ast.LiteralNode:
		return []string{m.Value.Value}, nil
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return []string{n.GetToken().Value}, nil
	case *ast.NullNode:
		return nil, fmt.Errorf("it has %w; leave the key out for its default", errNoText)
	case *ast.SequenceNode:
		for _, v := range m.Values {
			v = plain(v, anchors)
			if _, nested := v.(*ast.SequenceNode); nested {
				return nil, fmt.Errorf("a list in a list is %w", errNoText)
			}
			more, err := textsOf(v, anchors)
			if err != nil {
				return nil, err
			}
			texts = append(texts, more...)
		}
		return texts, nil
	case *ast.AliasNode:
		return nil, fmt.Errorf("no anchor stands before *%s, so it has %w", m.Value.GetToken().Value, errNoText)
	}
	return nil, fmt.Errorf("a %s is %w", strings.ToLower(n.Type().String()), errNoText)
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

// Set gives the setting at path, such as "train.epochs", a value; a list is written
// with commas. Numbers are decimal and finite (see package registry), whole ones in base
// ten whatever their leading zeros; "true", "false", "1" and "0" are truth values. A
// value that a field cannot tell from its default, such as an empty text, or zero where
// zero is no choice, is an error: c without it has the default. The error of an unknown
// path lists the choices. Set does not Validate.
func (c *Config) Set(path, value string) error {
	if !slices.Contains(Paths(), path) {
		return fmt.Errorf("config: unknown setting %q; the choices are %s", path, strings.Join(Paths(), ", "))
	}
	if err := c.set(path, []string{value}, false); err != nil {
		return fmt.Errorf("config: %w", err)
	}
	return nil
}

// set is Set of one of Paths to texts: those of a list, or one that Set is given.
func (c *Config) set(path string, texts []string, isList bool) error {
	v := c.field(path)
	if list, ok := v.Addr().Interface().(*[]string); ok {
		if !isList {
			texts = strings.Split(texts[0], ",")
		}
		*list = nil
		for _, text := range texts {
			if text = strings.TrimSpace(text); text == "" {
				return fmt.Errorf("%s=%q has an empty entry", path, strings.Join(texts, ","))
			}
			*list = append(*list, text)
		}
		if len(*list) == 0 {
			return fmt.Errorf("%s=[] is no choice; leave the setting out for its default", path)
		}
		return nil
	}
	if isList {
		return fmt.Errorf("%s wants %s, not a list", path, kindOf(v))
	}
	text := texts[0]
	switch err := readInto(v, text); {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s=%q is out of range; want %s", path, text, bounds[path])
	case err != nil:
		return &wrongKind{path, text, kindOf(v)}
	}
	if v.IsZero() && v.Kind() != reflect.Bool && !bounds[path].holds(0) {
		return fmt.Errorf("%s=%q is no choice; leave the setting out for its default", path, text)
	}
	return nil
}

// A wrongKind is the error of a text that is none of the kind of a setting.
type wrongKind struct{ path, text, kind string }

func (w *wrongKind) Error() string { return fmt.Sprintf("%s=%q is not a %s", w.path, w.text, w.kind) }

func kindOf(v reflect.Value) string { return strings.TrimPrefix(v.Type().String(), "*") }

// readInto is the one reader of values: it stores in v, a field of a Config, what text
// says. An optional number is a pointer, so that a given zero differs from none.
func readInto(v reflect.Value, text string) (err error) {
	switch p := v.Addr().Interface().(type) {
	case *string:
		*p = text
	case *int:
		var n int64
		if n, err = registry.Whole(text); err == nil {
			if *p = int(n); int64(*p) != n {
				err = strconv.ErrRange
			}
		}
	case *uint64:
		if *p, err = strconv.ParseUint(text, 10, 64); errors.Is(err, strconv.ErrRange) {
			err = strconv.ErrRange
		}
	case *float64:
		*p, err = registry.Real(text)
	case **float64:
		*p = new(float64)
		**p, err = registry.Real(text)
	case *bool:
		*p, err = strconv.ParseBool(text)
	default:
		panic("train: config: no rule to read a " + v.Type().String())
	}
	return err
}

// field returns the field at one of Paths.
func (c *Config) field(path string) reflect.Value {
	v := reflect.ValueOf(c).Elem()
	for key := range strings.SplitSeq(path, ".") {
		f, ok := fieldOf(v.Type(), key)
		if !ok {
			panic("train: config: no setting " + path)
		}
		v = v.FieldByIndex(f.Index)
	}
	return v
}

// get returns the text of the setting at one of Paths, "" of an optional one that is
// not set.
func (c *Config) get(path string) string {
	v := c.field(path)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return ""
		}
		v = v.Elem()
	}
	return fmt.Sprint(v.Interface())
}
