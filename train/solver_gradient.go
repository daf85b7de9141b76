package train

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train/optim"
)

func init() {
	registerSolver(SolverSpec{
		Name:   "gradient",
		Doc:    "stochastic gradient: batches, the symbolic gradient of the loss, a row-sparse optimizer",
		Source: "Robbins, Monro (1951)",
		fill: func(p *Plan) {
			c := &p.Config
			set(&c.Loss, "softmax")
			p.readChoice()
			usual := p.usualModel()
			set(&c.Model.Score, string(usual.Score))
			set(&c.Model.Init, usual.Init)
			set(&c.Train.Epochs, usual.Epochs)
			set(&c.Train.Task, p.usualTask())
			set(&c.Train.Batch, usual.Batch)
			set(&c.Train.Weight, string(p.usualWeight()))
			p.readTask()
			set(&c.Model.Bias, string(p.usualBias()))
			optimizer := fmt.Sprintf("adam:lr=%g", usual.Rate) // a step costs what its candidates do
			if head := p.Choice.Head.Spec; head != nil && head.Exact {
				optimizer += ",mode=dense" // all classes move anyway
			}
			set(&c.Train.Optimizer, optimizer)
			set(&c.Train.Schedule, "constant")
			set(&c.Train.L2, usual.L2)
			set(&c.Train.Decay, "0")
			set(&c.Train.Precision, graph.Highest.String())
		},
		check:  checkGradient,
		memory: gradientMemory,
		new:    newGradient,
	})
}

// usualModel returns how the model is trained, under the loss, where nothing is said.
func (p *Plan) usualModel() models.Usual {
	var u models.Usual
	if p.Model.Spec != nil {
		u = p.Model.Spec.Usual
	}
	if l := p.Choice.Loss; l.Spec != nil && (l.Spec.Domain == losses.Cosines || l.NeedsBounds()) {
		u.Score = models.Cosine // of which alone the loss knows what to make
	}
	set(&u.Score, models.Cosine)
	set(&u.Init, 0.1)
	set(&u.Rate, 0.01)
	set(&u.Epochs, 40)
	set(&u.Batch, 128)
	set(&u.L2, "0")
	set(&u.LabelBias, models.PriorBias)
	if len(u.Metrics) == 0 || !p.canMeasure(u.Metrics) {
		u.Metrics = []string{"recall@20", "ndcg@20"}
	}
	return u
}

// A training is what a gradient is taken of: objects, whoever named them.
type training struct {
	of        *Recommender
	loss      losses.Loss
	examples  *data.Examples
	optimizer optim.Optimizer
	schedule  optim.Schedule
	l2, decay optim.Penalty
	dropout   float64 // of encodings
	clip      float64 // most that the gradient's norm may be; 0: any
	size      int     // rows of a step
	positions int     // most positions of a step, in place of size; 0: size decides
	epochs    int
	seed      uint64
}

// trainingOf returns what a plan says of training t.
func trainingOf(t *Recommender, set *data.Dataset) (training, error) {
	p := t.Plan
	c := p.Config.Train
	x := training{
		of: t, optimizer: p.Optimizer, schedule: p.Schedule, l2: p.L2, decay: p.Decay, dropout: c.Dropout, clip: c.Clip,
		size: c.Batch, positions: c.Positions, epochs: c.Epochs, seed: c.Seed,
	}
	var err error
	if x.examples, err = p.ExamplesOf(set); err != nil {
		return x, err
	}
	x.loss, err = p.Choice.LossFor(set.Items)
	return x, err
}

// ExamplesOf returns the rows of training on set, weighed as the plan says; an error of a
// solver that has none.
func (p *Plan) ExamplesOf(set *data.Dataset) (*data.Examples, error) {
	if p.Task.Spec == nil {
		return nil, fmt.Errorf("train: solver %s has no training rows", p.solver)
	}
	x, err := p.Task.ExamplesOf(set)
	if err != nil {
		return nil, err
	}
	return x.Weighted(p.Weight)
}

// usualWeight returns what counts as one unless the configuration says it: an interaction;
// a user where the loss reads from a row of all classes which of them are labels, so that
// each pair of a user and a class counts once. Drawn candidates have one label in a row.
func (p *Plan) usualWeight() data.RowWeight {
	if p.hotLabels() {
		return data.ByUser
	}
	return data.ByInteraction
}

// hotLabels reports whether the loss reads from a row which of all classes are its labels.
func (p *Plan) hotLabels() bool {
	l, head := p.Choice.Loss, p.Choice.Head.Spec
	return l.Spec != nil && head != nil && head.Exact && l.Theory().Props.Has(losses.HotLabels)
}

// usualTask returns what a row of training is unless the configuration says it.
func (p *Plan) usualTask() string {
	switch m := p.Model.Spec; {
	case m != nil && m.Usual.Task != "":
		return m.Usual.Task
	case m != nil && m.Ordered:
		return "next"
	}
	return "user"
}

// checkTask reports a task whose histories are not what the model reads, and positions
// of a task that has none.
func (p *Plan) checkTask() {
	if p.Task.Spec == nil || p.Task.Ordered() {
		return
	}
	var ordered []string
	for _, s := range data.Tasks() {
		if s.Recent != nil {
			ordered = append(ordered, s.Name)
		}
	}
	names := strings.Join(ordered, ", ")
	if m := p.Model.Spec; m != nil {
		p.check("train.task", !m.Ordered, "model %s reads histories in the order of time, and those of task %s are sets; the tasks in that order are %s", m.Name, p.Task.Spec.Name, names)
	}
	p.check("train.positions", p.Config.Train.Positions == 0, "a step of task %s has no positions, and train.batch says how many rows it has; the tasks of positions are %s", p.Task.Spec.Name, names)
}

// readTask reads what a row of training is, and what it weighs.
func (p *Plan) readTask() {
	text(p, "train.task", &p.Config.Train.Task, data.ParseTask, &p.Task)
	text(p, "train.weight", &p.Config.Train.Weight, data.ParseRowWeight, &p.Weight)
}

// checkGradient is the check of the fields that solver gradient reads.
func checkGradient(_ Config, p *Plan) {
	p.checkBias()
	p.checkTask()
	c := p.Config.Model
	if p.Optimizer.Spec != nil {
		rate := p.Optimizer.Values.Num("lr")
		p.check("train.decay", rate*p.Decay.Largest() <= 1, "%s at a learning rate of %g would turn weights round, not draw them to 0: a step takes rate · decay of each away; want at most %g", p.Decay, rate, 1/rate)
	}
	if l := p.Choice.Loss; l.Spec != nil && l.NeedsBounds() {
		p.check("loss", c.Score == string(models.Cosine) && !p.biased(),
			"%s: where the negatives do not weigh 1, a shift of all scores changes the loss without end: set model.score to cosine and model.bias to false", l)
	}
	if l := p.Choice.Loss.Spec; l != nil && l.Domain == losses.Cosines {
		p.check("loss", c.Score == string(models.Cosine) && (p.Temperature.Learned != nil || p.Temperature.Value == 1) && !p.biased(),
			"%s takes cosines: set model.score to cosine, model.temperature to 1 and model.bias to false", l.Name)
		if p.Temperature.Learned != nil {
			p.fault("model.temperature", models.LearnedCosines(l))
		}
	}
}

// usualBias returns what biases there are unless the configuration says it: none, but where
// the loss reads from a row of all classes which of them are labels. Of the many classes that
// are no label in any row its scores would learn that one by one, through the products.
func (p *Plan) usualBias() models.Bias {
	if p.hotLabels() && p.Choice.Loss.Spec.Domain != losses.Cosines {
		return p.usualModel().LabelBias
	}
	return models.NoBias
}

// biased reports whether scores have biases.
func (p *Plan) biased() bool { return p.Bias == models.ZeroBias || p.Bias == models.PriorBias }

// startAtPrior makes the biases of t, whose tables have no data, start at the prior of set.
func (p *Plan) startAtPrior(t *Recommender, set *data.Dataset) error {
	x, err := trainingOf(t, set)
	if err != nil {
		return err
	}
	if set.Train.Len() == 0 {
		return fmt.Errorf("train: model.bias: %s has no training pairs, and so no prior to start at", set.Name)
	}
	return models.StartAtPrior(t.Head, x.loss, x.examples)
}

// checkBias reports a start at the prior of a head that has no bias of each class.
func (p *Plan) checkBias() {
	head := p.Choice.Head.Spec
	if p.Bias != models.PriorBias || head == nil || head.ClassBias {
		return
	}
	var names []string
	for _, h := range models.Heads() {
		if h.ClassBias {
			names = append(names, h.Name)
		}
	}
	p.fault("model.bias", fmt.Errorf("candidates %s have no bias of each class that could start at its prior; take candidates %s, or bias true", head.Name, strings.Join(names, ", ")))
}

// gradient is the solver that steps along the gradient of a batch's mean loss:
// fill the leaves, run the compiled graph, hand the gradients to the updaters. A table of
// which the graph finishes the gradient block by block moves in the run already, unless
// clipping must know the norm of the whole gradient first.
type gradient struct {
	training
	batches   *data.Batches
	graph     *models.Graph
	objective *models.Objective[float32]
	program   *graph.Program[float32]
	updaters  []*optim.Updater // of the tables that are not frozen, in order

	// Batches of the current epoch, pulled one by one: the next is number at.
	epoch, at int
	next      func() (*data.Batch, bool)
	stop      func()
}

func newGradient(_ registry.Values, r *run) (solver, error) {
	x, err := trainingOf(r.trained, r.set)
	if err != nil {
		return nil, err
	}
	return newGradientOf(x)
}

func newGradientOf(x training) (*gradient, error) {
	g := &gradient{training: x, epoch: -1}
	if err := g.compile(graph.NewBuilder[float32]()); err != nil {
		return nil, err
	}
	for _, t := range x.of.tables {
		if !t.Frozen {
			u := x.optimizer.For(t)
			u.Regularize(x.regularization(t))
			g.updaters = append(g.updaters, u)
		}
	}
	g.sink(func(t *models.Table) graph.BlockUpdater[float32] { return g.updater(t) })
	return g, nil
}

// sink has the runs move what tables they can, and returns those.
func (g *gradient) sink(updater func(*models.Table) graph.BlockUpdater[float32]) []*models.Table {
	if g.clip != 0 {
		return nil
	}
	return g.graph.Sink(g.program, updater)
}

// compile makes the batches and the graph of a step.
func (g *gradient) compile(b *graph.Builder[float32]) (err error) {
	if err := g.checkPenalties(); err != nil {
		return err
	}
	if g.batches, err = g.deal(); err != nil {
		return err
	}
	room := g.batches.Room()
	g.graph = models.NewGraph(b, g.examples.Context, room.Contexts, g.of.classes).Fit(room)
	g.objective, err = models.NewObjective(b, g.graph, g.model(), g.of.Head, g.loss, room.Places, g.examples.Weight != nil)
	if err != nil {
		return err
	}
	if err := g.penalise(); err != nil {
		return err
	}
	g.program, err = b.Train(g.objective.Cost(), g.objective.MeanLoss())
	return err
}

// deal returns the batches of the examples.
func (x *training) deal() (*data.Batches, error) {
	if x.positions == 0 {
		return data.NewBatches(x.examples, x.size, x.seed)
	}
	b, err := data.NewPackedBatches(x.examples, x.positions, x.seed)
	if err != nil {
		return nil, fmt.Errorf("train: train.positions: %w", err)
	}
	return b, nil
}

// gradientMemory compiles the graph without data and asks it, the head and the updaters.
func gradientMemory(_ registry.Values, t *Recommender, set *data.Dataset) ([]MemoryPart, error) {
	x, err := trainingOf(t, set)
	if err != nil {
		return nil, err
	}
	var state, work int64
	for _, t := range x.of.tables {
		if !t.Frozen {
			state += 4 * x.optimizer.StateLen(t.Rows, t.Dim)
			work += optim.WorkBytes(t.Rows, t.Dim)
		}
	}
	g := &gradient{training: x}
	if err := g.compile(graph.NewPlan[float32]()); err != nil {
		return nil, err
	}
	defer g.program.Close()
	g.sink(func(*models.Table) graph.BlockUpdater[float32] { return new(optim.Updater) })
	// Examples and what they are of, their order, and what a batch holds.
	batches := 4*int64(x.examples.Len()+len(x.examples.Place)) + 4*int64(len(x.examples.Targets.Ptr)+len(x.examples.Weight)) + g.batches.Bytes() + viewBytes(x.examples.Context, set)
	if x.examples.Place != nil || x.examples.Sequence != "" { // of the others the train set holds them
		batches += 4 * int64(len(x.examples.Targets.Class))
	}
	return []MemoryPart{
		{"optimizer state", state}, {"graph and gradients", g.program.Bytes() + work},
		{"candidates", x.of.Head.Bytes().Kept + g.objective.Bytes()}, {"batches", batches},
	}, nil
}

func (g *gradient) steps() int { return g.batches.Len() }

// batch returns batch i of epoch e, which is usually the one after the last.
func (g *gradient) batch(e, i int) (*data.Batch, error) {
	if e != g.epoch || i < g.at {
		if g.stop != nil {
			g.stop()
		}
		g.next, g.stop = iter.Pull(g.batches.Epoch(e))
		g.epoch, g.at = e, 0
	}
	for {
		b, ok := g.next()
		if !ok {
			return nil, fmt.Errorf("train: epoch %d has no batch %d", e+1, i)
		}
		g.at++
		if g.at > i {
			return b, nil
		}
	}
}

func (g *gradient) step(_ context.Context, e, i int) (outcome, error) {
	b, err := g.batch(e, i)
	if err != nil {
		return outcome{}, err
	}
	number := e*g.steps() + i
	if err := g.objective.Set(number, b); err != nil {
		return outcome{}, err
	}
	g.program.SetStep(number)
	factor := g.schedule.Factor(number, g.steps(), g.epochs)
	for _, u := range g.updaters {
		u.SetFactor(factor)
	}
	if err := g.program.Run(); err != nil {
		return outcome{}, err
	}
	o := outcome{loss: float64(g.program.Value(g.objective.MeanLoss())[0]), weight: float64(b.Len())}
	if b.Weight != nil {
		o.weight = 0
		for _, w := range b.Weight {
			o.weight += float64(w)
		}
	}
	if math.IsNaN(o.loss) || math.IsInf(o.loss, 0) {
		return o, &divergence{fmt.Sprintf("the loss is %v", o.loss)}
	}
	if err := g.clipGradient(&o); err != nil {
		return o, err
	}
	if err := g.graph.Step(g.program, func(t *models.Table) graph.Updater[float32] { return g.updater(t) }); err != nil {
		return o, err
	}
	g.objective.Moved(g.program)
	return o, g.norm(&o)
}

// norm puts the norm of the gradient into o, by what the updaters have found.
func (g *gradient) norm(o *outcome) error {
	square := 0.0
	for _, u := range g.updaters {
		square += u.Square()
	}
	o.gradNorm = math.Sqrt(square)
	if math.IsNaN(square) || math.IsInf(square, 0) {
		return &divergence{fmt.Sprintf("the gradient's norm is %v", o.gradNorm)}
	}
	return nil
}

func (g *gradient) updater(t *models.Table) *optim.Updater {
	for _, u := range g.updaters {
		if u.Table() == t {
			return u
		}
	}
	panic("train: a gradient for a table that Tables does not list")
}

func (g *gradient) fixed() (all []graph.Array) {
	for _, u := range g.updaters {
		for _, a := range u.State() {
			a.Name = u.Table().Name + "/" + a.Name
			all = append(all, a)
		}
	}
	return all
}

func (g *gradient) counts() (all []float64) {
	for _, u := range g.updaters {
		all = append(all, float64(u.Steps())) // exact up to 2⁵³ steps
	}
	return all
}

func (g *gradient) varying() []graph.Array { return g.objective.State() }

func (g *gradient) setState(counts []float64, varying []graph.Array) error {
	if len(counts) != len(g.updaters) {
		return fmt.Errorf("train: %d step counts for %d tables", len(counts), len(g.updaters))
	}
	for i, u := range g.updaters {
		u.SetSteps(int64(counts[i]))
	}
	return g.objective.SetState(varying)
}

func (g *gradient) close() error {
	if g.stop != nil {
		g.stop()
	}
	return g.program.Close()
}
