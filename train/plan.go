package train

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/metric"
	"github.com/fenchel-ml/fenchel/train/optim"
)

// A Plan is a Config whose texts have been read, each once: what they denote, with every
// default in place. It is what a run is made of, and is read only.
type Plan struct {
	Given Config // what was read

	// Config has the defaults written out, and every text in its canonical form, the
	// one that all spellings of a setting share ("softmax:tau=1.0" is "softmax"): what
	// a run records, so that a later change of a default does not change what it
	// reproduces, and what runs are compared by.
	Config Config

	Data  *data.Plan  // the set, its filters and its split
	Model models.Kind // a registered model with its settings

	// Choice is the loss over its candidates, as far as they do not depend on the number
	// of classes; without a loss of its own where the solver has one.
	Choice models.Choice

	// Temperature is that of the scores. Its Value is 0, and Config's text empty or without
	// a start, where it is the natural one and the data are not known yet; see On.
	Temperature models.Temperature

	Bias models.Bias // of the scores; "" with a solver that has none

	// Notes say what defaults follow from that are not in the documentation of a setting.
	Notes []string

	Metrics []metric.At // measured on valid and test
	Monitor metric.At   // by which the best epoch is known

	// What solver gradient takes; zero with another.
	Task      data.Task
	Weight    data.RowWeight
	Optimizer optim.Optimizer
	Schedule  optim.Schedule
	L2, Decay optim.Penalty
	Precision graph.Precision

	protocol *ProtocolSpec // nil without a name

	natural bool // the temperature is to be the natural one
	settled bool // On has made it
	solver  solverKind
	faults  []error
}

// Plan reads the texts of c, once. The error names all faults that show without the
// data, each with its path.
func (c Config) Plan() (*Plan, error) {
	p := c.planned()
	if len(p.faults) > 0 {
		return nil, fmt.Errorf("config: %w", errors.Join(p.faults...))
	}
	return p, nil
}

// Validate reports all faults that show without the data, each with its path.
func (c Config) Validate() error {
	_, err := c.Plan()
	return err
}

// WithDefaults returns the Config of c's Plan. A text that denotes nothing stays as it
// is; Validate reports it.
func (c Config) WithDefaults() Config { return c.planned().Config }

// fault takes a fault of the setting at path.
func (p *Plan) fault(path string, err error) {
	if err != nil {
		p.faults = append(p.faults, fmt.Errorf("%s: %w", path, err))
	}
}

// check is fault of what is not ok.
func (p *Plan) check(path string, ok bool, format string, args ...any) {
	if !ok {
		p.fault(path, fmt.Errorf(format, args...))
	}
}

// planned makes the plan of c and takes down its faults. Defaults depend on what is given,
// not on how it is spelled.
func (c Config) planned() *Plan {
	p := &Plan{Given: c, Config: c}
	d := &p.Config
	set(&d.Data.Source, defaultSource)
	set(&d.Model.Name, "mf")
	set(&d.Model.Dim, 64)
	set(&d.Train.Solver, "gradient")
	p.readProtocol()

	p.readData()
	p.checkSplit()
	text(p, "model.name", &d.Model.Name, models.Parse, &p.Model)
	text(p, "train.solver", &d.Train.Solver, parseSolver, &p.solver)
	solver := p.solver.Spec
	if solver == nil { // the rest is held against the default
		var err error
		if solver, err = solvers.Lookup("gradient"); err != nil { // a mistake of this package
			panic("train: " + err.Error())
		}
	}
	solver.fill(p)
	text(p, "model.bias", &d.Model.Bias, models.ParseBias, &p.Bias)
	text(p, "train.optimizer", &d.Train.Optimizer, optim.Parse, &p.Optimizer)
	text(p, "train.schedule", &d.Train.Schedule, optim.ParseSchedule, &p.Schedule)
	text(p, "train.l2", &d.Train.L2, optim.ParsePenalty, &p.L2)
	text(p, "train.decay", &d.Train.Decay, optim.ParsePenalty, &p.Decay)
	text(p, "train.precision", &d.Train.Precision, graph.ParsePrecision, &p.Precision)
	p.readMetrics()
	p.readTemperature()

	var scores []string
	for _, s := range models.Scores() {
		scores = append(scores, string(s))
	}
	p.check("model.score", slices.Contains(scores, d.Model.Score),
		"unknown score %q%s", d.Model.Score, registry.Offer(d.Model.Score, scores))
	if p.solver.Spec != nil {
		solver.check(c, p)
	}
	for _, path := range Paths() {
		if text, ok := d.field(path).Interface().(string); ok {
			p.check(path, utf8.ValidString(text), "%q is not UTF-8, and no configuration file can hold it", text)
		}
		if b, ok := bounds[path]; ok && !strings.HasPrefix(path, "data.") { // package data has said those
			p.fault(path, b.check(d.field(path)))
		}
	}
	return p
}

// text reads the text of the setting at path into x, and puts its canonical form in its
// place. "" denotes nothing.
func text[T interface{ String() string }](p *Plan, path string, text *string, parse func(string) (T, error), x *T) {
	if *text == "" {
		return
	}
	y, err := parse(*text)
	if p.fault(path, err); err == nil {
		*x, *text = y, y.String()
	}
}

// readChoice reads the loss and the candidates. Of texts that contradict each other each
// stays as it was given: without what is the default anyway they would agree.
func (p *Plan) readChoice() {
	c := &p.Config
	choice, err := models.Resolve(c.Loss, c.Candidates, 0)
	if err == nil {
		if how, drawn := choice.Head.Sampling(); drawn {
			path := "loss" // whose text says how, or has candidates of its own
			if c.Candidates != "" {
				path = "candidates"
			}
			p.fault(path, how.Sampler.CheckDraws(how.N))
		}
		p.Choice = choice
		c.Loss, c.Candidates = choice.Canonical(), choice.Head.String()
		return
	}
	if _, headErr := models.ParseHead(c.Candidates); c.Candidates != "" && headErr != nil {
		p.fault("candidates", headErr)
		// What is wrong with candidates is said of them.
		choice, err = models.Resolve(c.Loss, "", 0)
	}
	p.fault("loss", err)
	if err == nil {
		p.Choice = choice
		c.Loss = choice.Canonical()
	}
	set(&c.Candidates, "all")
}

// readCandidates reads the candidates of a solver that has a loss of its own.
func (p *Plan) readCandidates() {
	set(&p.Config.Candidates, "all")
	text(p, "candidates", &p.Config.Candidates, models.ParseHead, &p.Choice.Head)
}

// readMetrics reads what is measured, and which of it is watched.
func (p *Plan) readMetrics() {
	e, monitor := &p.Config.Eval, &p.Config.Train.Monitor
	usual := p.usualModel()
	if len(e.Metrics) == 0 {
		e.Metrics = usual.Metrics
	}
	texts := slices.Clone(e.Metrics)
	for i, text := range texts {
		at, err := metric.Parse(text)
		p.fault("eval.metrics", err)
		if err != nil {
			continue
		}
		p.check("eval.metrics", !slices.Contains(p.Metrics, at), "metric: %s is given twice", at)
		p.Metrics, texts[i] = append(p.Metrics, at), at.String()
		if at.LogProbs {
			p.fault("eval.metrics", p.probabilities(at))
		}
	}
	e.Metrics = texts
	if p.Config.Train.On == BothSets { // nothing is measured that could be watched
		return
	}
	set(&e.Every, 1)
	p.settlePatience(usual.Patience)
	if *monitor == "" {
		*monitor = texts[0]
		if len(p.Metrics) > 0 && p.Metrics[0].String() == texts[0] {
			p.Monitor = p.Metrics[0]
		}
		return
	}
	at, err := metric.Parse(*monitor)
	p.fault("train.monitor", err)
	if err != nil {
		return
	}
	p.Monitor, *monitor = at, at.String()
	p.check("train.monitor", len(p.Metrics) < len(texts) || slices.Contains(p.Metrics, at),
		"%s is not among eval.metrics (%s)", at, strings.Join(texts, ", "))
}

// probabilities returns why a metric that asks for probabilities cannot be measured, nil where
// it can.
func (p *Plan) probabilities(at metric.At) error {
	if p.solver.Spec != nil && p.solver.Spec.Name != "gradient" {
		return fmt.Errorf("%s asks for probabilities of classes, and solver %s finds none; solver gradient does", at, p.solver.Spec.Name)
	}
	if p.Choice.Loss.Spec == nil || p.Choice.Head.Spec == nil { // which is a fault of its own
		return nil
	}
	if err := p.Choice.Probabilities(); err != nil {
		return fmt.Errorf("%s asks for probabilities of classes: %s", at, strings.TrimPrefix(err.Error(), "models: "))
	}
	return nil
}

// canMeasure reports whether metrics can be measured of the loss and its candidates.
func (p *Plan) canMeasure(texts []string) bool {
	for _, text := range texts {
		if at, err := metric.Parse(text); err == nil && at.LogProbs && p.probabilities(at) != nil {
			return false
		}
	}
	return true
}

// settlePatience puts the usual patience in place where none is given, and leaves 0 out where
// it is the usual one, whoever says it.
func (p *Plan) settlePatience(usual int) {
	switch patience := &p.Config.Train.Patience; {
	case usual > 0 && *patience == nil:
		*patience = &usual
	case usual == 0 && *patience != nil && **patience == 0:
		*patience = nil
	}
}

// WithRate returns p with the learning rate that text says, in whichever optimizer p has.
func (p *Plan) WithRate(text string) (*Plan, error) {
	if p.Config.Train.Optimizer == "" {
		return nil, errors.New("the solver has no learning rate")
	}
	q := *p
	var err error
	if q.Optimizer, err = optim.Parse(registry.With(p.Config.Train.Optimizer, "lr", text)); err != nil {
		return nil, err
	}
	q.Config.Train.Optimizer = q.Optimizer.String()
	q.Given.Train.Optimizer = q.Config.Train.Optimizer
	return &q, nil
}

// defaultSource is the default of DataConfig.Source.
const defaultSource = "demo"

// set gives a field its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// readData reads where the data are and how they are split. A text that denotes nothing
// stays as it is.
func (p *Plan) readData() {
	d := &p.Config.Data
	var err error
	p.Data, err = d.Config().Plan()
	c := &p.Data.Config
	d.Source, d.Format, d.Split, d.Held = c.Source, c.Format, c.Split, c.Held
	d.Columns, d.Sep, d.Quote = c.Columns, c.Sep, c.Quote
	var faults interface{ Unwrap() []error }
	if !errors.As(err, &faults) {
		p.fault("data", err)
		return
	}
	for _, err := range faults.Unwrap() {
		path := "data"
		var of *data.SettingError
		if errors.As(err, &of) {
			path += "." + of.Setting
			err = errors.New(strings.TrimPrefix(err.Error(), "data: "))
		}
		p.fault(path, err)
	}
}
