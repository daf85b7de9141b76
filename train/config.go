package train

import "github.com/fenchel-ml/fenchel/data"

// A Config is all that decides a run. The zero value of a field is its default,
// so the zero Config is a run: matrix factorisation with full softmax on the
// generated demo set. With the same Config and the same data a run gives the
// same bits.
//
// Its text is YAML: groups data, model, train and eval, and the texts loss,
// candidates and protocol. Parse, and Set for flags, read every value by one rule; what they are
// given is never taken for a default, so that "epochs: 0" is an error and no run of 40
// epochs.
type Config struct {
	Data DataConfig `yaml:"data,omitempty"` // which set, and how it is split

	Model ModelConfig `yaml:"model,omitempty"` // what encodes contexts and classes

	// Loss is the text of a loss, e.g. "entmax:alpha=1.3", or of a recipe, e.g.
	// "sampled-softmax:n=64", either followed by @ and candidates, as in
	// "sparsemax@sampled:n=64"; default what the solver names: "softmax", "rg2" with
	// solver als, none with ials, whose loss is its own.
	Loss string `yaml:"loss,omitempty"`

	// Candidates is a head's text: which classes a training row is scored against, in
	// place of an @ in Loss; default that of a recipe, else "all". What a recipe's text sets of
	// candidates goes to these; what they do not take is an error.
	Candidates string `yaml:"candidates,omitempty"`

	// Protocol is the name of a ProtocolSpec, which says what Data.Split, Train.On,
	// Eval.Mask and Eval.Items are; one of them that is given and says otherwise is an
	// error. Default none: each of them by itself.
	Protocol string `yaml:"protocol,omitempty"`

	Train TrainConfig `yaml:"train,omitempty"` // how it is trained
	Eval  EvalConfig  `yaml:"eval,omitempty"`  // how it is measured
}

// DataConfig says what to learn from; see data.Config.
type DataConfig struct {
	// Source is a file, a directory of splits or a demo text; default "demo".
	Source string `yaml:"source,omitempty"`

	// Format is the text of a registered format, such as "csv" or "sequence:ids=from1";
	// default recognised by content.
	Format string `yaml:"format,omitempty"`

	// Columns, Sep, Quote and Header say what the columns of a table are and what is between
	// them, as "user=Nutzer,item=3,time=none", ";", "single" and "no"; see data.Config. Default
	// the usual names, and by the first line.
	Columns string `yaml:"columns,omitempty"`
	Sep     string `yaml:"sep,omitempty"`
	Quote   string `yaml:"quote,omitempty"`
	Header  string `yaml:"header,omitempty"`

	// UserFeatures and ItemFeatures are files of features, whose first column are the ids of
	// users and of items; default those that lie beside the interactions under names that a
	// data.FeatureFormat has.
	UserFeatures string `yaml:"user_features,omitempty"`
	ItemFeatures string `yaml:"item_features,omitempty"`

	// MinRating drops interactions rated lower, 0 those below 0; default none.
	MinRating *float64 `yaml:"min_rating,omitempty"`

	// Core keeps users and items with at least so many interactions; default 0: all.
	Core int `yaml:"core,omitempty"`

	// Split is a split's text; default "given" where the source has splits, else
	// data.OrderedSplit of sequences, data.TextSplit of running text and data.DefaultSplit of all
	// others.
	Split string `yaml:"split,omitempty"`

	// Held is a share of the users who are held out of training altogether, such as "0.1"
	// or "0.1,seed=2"; see data.Held. Default none.
	Held string `yaml:"held,omitempty"`
}

// Config returns what data.Load takes.
func (c DataConfig) Config() data.Config {
	return data.Config{
		Source: c.Source, Format: c.Format, Columns: c.Columns, Sep: c.Sep, Quote: c.Quote, Header: c.Header,
		UserFeatures: c.UserFeatures, ItemFeatures: c.ItemFeatures, MinRating: c.MinRating, Core: c.Core, Split: c.Split, Held: c.Held,
	}
}

// ModelConfig says what is trained.
type ModelConfig struct {
	// Name is a model's text; default "mf".
	Name string `yaml:"name,omitempty"`

	// Dim is d, the width of encodings and class vectors; default 64.
	Dim int `yaml:"dim,omitempty"`

	// Score is how the two meet, "cosine" or "dot"; default what is usual of the model
	// (models.Usual), "cosine" of most and of any under a loss of cosines; "dot" with the
	// solvers als and ials.
	Score string `yaml:"score,omitempty"`

	// Temperature is a temperature's text: τ > 0, which divides the scores before any
	// loss, or "learned", with which τ is trained, as in
	// "learned:start=0.2,min=0.01,max=100"; see models.Temperature. Whatever temperature
	// the loss has beside it, the two multiply. Default for cosine scores the natural one,
	// which follows from the loss, the classes and Spread once the data are known (see
	// models.Choice.NaturalTemperature), and 0.2 where the loss or its candidates have
	// none; 1 for dot, for the losses of cosines, which scale them themselves, and where
	// Loss has a temperature of its own, as softmax:tau=0.1 has, which then is the only one.
	// A learned one starts at that default; losses of cosines have none.
	Temperature string `yaml:"temperature,omitempty"`

	// Spread is M ≥ 1, the number of classes that follow one context, which decides the
	// natural temperature of most losses; default what the task says, the mean
	// interactions of a user. It decides nothing else, so that a Temperature beside it, as a
	// run records the two, must be the one that it makes.
	Spread float64 `yaml:"spread,omitempty"`

	// Bias is "true" to train a bias for each class, which is added to its score, "prior" to
	// have it start at the log-odds of the class's prior, see models.StartAtPrior, or
	// "false". Default "prior", or what is usual of the model (models.Usual), over all
	// classes under a loss with losses.HotLabels, else "false". Of solver gradient.
	Bias string `yaml:"bias,omitempty"`

	// Init is the standard deviation of the first weights, normal around 0; default what is
	// usual of the model (models.Usual), 0.1 of most, and 0.01 with als and ials.
	Init float64 `yaml:"init,omitempty"`
}

// TrainConfig says how.
type TrainConfig struct {
	// Solver is a solver's text; default "gradient".
	Solver string `yaml:"solver,omitempty"`

	// On says what is trained on: "train", or "train+valid", which then leaves no valid
	// set: nothing is measured but test, at the end, and patience, monitor and eval.every
	// are refused. It is for settings that a run on train has chosen. Default "train".
	On string `yaml:"on,omitempty"`

	// Epochs is the number of passes over the data (sweeps of als); default what is usual
	// of the model (models.Usual), 40 of most, and 16 with als and ials.
	Epochs int `yaml:"epochs,omitempty"`

	// Task is a task's text: what an example is. "user" is one user with all positives,
	// "pair" one interaction, "next:len=50" each event of a user's last ones in one pass,
	// "last:len=50" one event and the history before it, "window:n=4" one and those nearest to it,
	// "skipgram:n=5" a word of running text and another near it, and "label" a point with all its
	// labels. Default what is usual of the model (models.Usual), "user" of most, and "next" of a
	// model that reads the order of histories. Of solver gradient.
	Task string `yaml:"task,omitempty"`

	// Weight is what counts as one in the mean loss over the rows of a batch:
	// "interaction", with which a row of m interactions counts m, "user" or "sqrt"; see
	// data.RowWeight. What an example of the task weighs beside that is multiplied. Default
	// "interaction", but "user" over all classes under a loss with losses.HotLabels. Of
	// solver gradient.
	Weight string `yaml:"weight,omitempty"`

	// Batch is the number of rows of a step; default what is usual of the model
	// (models.Usual), 128 of most. With task next it is the number of
	// windows that fit into a step on average. Of solver gradient.
	Batch int `yaml:"batch,omitempty"`

	// Positions is how many events the histories of a step have together at the most, with
	// the tasks next and last, in place of Batch: a step takes as many histories as fit, and
	// no step more than the longest needs room for. Default 0: Batch decides. Of solver
	// gradient.
	Positions int `yaml:"positions,omitempty"`

	// Optimizer is an optimizer's text; default "adam:lr=0.01,mode=dense", whose
	// step costs time in proportion to the tables, with candidates "all", and else
	// "adam:lr=0.01", which is lazy and does not; lr is what is usual of the model
	// (models.Usual) where that is another. Of solver gradient.
	Optimizer string `yaml:"optimizer,omitempty"`

	// Schedule is a learning-rate schedule's text; default "constant". Of solver
	// gradient.
	Schedule string `yaml:"schedule,omitempty"`

	// L2 and Decay are the texts of what draws weights to 0: a number for all tables, or
	// name=number for some, as in "1e-4" and "user=1e-4,class=1e-5"; see optim.Penalty.
	// L2 is λ of a term ½λ‖w‖² of the objective for every row of the table, whose gradient
	// λw each step of the optimizer has beside that of the loss: the weight_decay of
	// PyTorch's Adam. With on=batch, as in "1e-4,on=batch", the term is of what the batch
	// reads alone, of encodings ("context") and class vectors ("class"); see
	// models.Objective.Penalise. Decay is decoupled: a weight is scaled by 1 − rate·decay
	// beside its step, that of every row, with on=batch of the rows that the gradient has.
	// Cosine scores do not see the length of a vector: there both set how far a step turns
	// it, not what a model can say. Default 0, of L2 what is usual of the model (models.Usual).
	// Of solver gradient.
	L2    string `yaml:"l2,omitempty"`
	Decay string `yaml:"decay,omitempty"`

	// Dropout is the probability with which a number of an encoding is 0 in a step of
	// training, where the others are divided by 1 − Dropout; default 0. Which ones those are
	// depends on Seed, the step and the place alone. Of solver gradient.
	Dropout float64 `yaml:"dropout,omitempty"`

	// Clip is the most that the norm of a step's gradient by all tables together may be: a
	// longer one is scaled down to it (Pascanu, Mikolov, Bengio 2013), before L2 is added;
	// default 0: none is. Of solver gradient.
	Clip float64 `yaml:"clip,omitempty"`

	// Precision is what the products of scores, and of their gradients, may be rounded to
	// where the processor gains by it: "highest", to nothing, "high", to two bfloat16, or
	// "medium", to one; see graph.Precision. It is a permission: a processor without tiles of
	// bfloat16 takes float32, and [Plan.Kernel] says what runs. High gains from batches of
	// some 256 rows on. All else is float32, and so are rankings, in evaluation and after.
	// Default "highest". Of solver gradient.
	Precision string `yaml:"precision,omitempty"`

	// Patience ends the run after so many evaluations in a row without a better
	// value of Monitor, and restores the weights of the best one; 0: run all epochs and keep
	// the last weights. Default what is usual of the model where there is a valid set to
	// watch (models.Usual), 0 of most.
	Patience *int `yaml:"patience,omitempty"`

	// Monitor is the metric that Patience watches; default the first of
	// Eval.Metrics.
	Monitor string `yaml:"monitor,omitempty"`

	// Seed decides the first weights and the order of batches; default 0.
	Seed uint64 `yaml:"seed,omitempty"`
}

// StopsEarly reports whether Patience may end a run before its last epoch.
func (c TrainConfig) StopsEarly() bool { return c.Patience != nil && *c.Patience > 0 }

// EvalConfig says what is measured.
type EvalConfig struct {
	// Metrics are metrics' texts; default those that are usual of the model (models.Usual),
	// recall@20 and ndcg@20 of most, and of any where the usual ones ask for probabilities that
	// the loss does not have.
	Metrics []string `yaml:"metrics,omitempty,flow"`

	// Every is the number of epochs between evaluations on valid, which the last
	// epoch always gets; default 1.
	Every int `yaml:"every,omitempty"`

	// Mask says what a ranking of test leaves out: "train+valid", all that is known of the
	// user before; "train", what was trained on, so that items of valid are wrong
	// candidates, and a model that reads histories is shown no valid one either; or
	// "none". A ranking of valid leaves out train, and one of train nothing. Default
	// "train+valid".
	Mask string `yaml:"mask,omitempty"`

	// Items says which items rankings hold: "warm", those with a pair in train, "all", the
	// others too, whose vectors are mostly as they were drawn unless features make them, or
	// "cold", the others alone; default "warm". Of warm a relevant item that is left out
	// counts in a metric's denominator, as a miss: so values of warm and all compare. Of cold
	// the items that are relevant are the cold ones alone, and who has none is no example.
	Items string `yaml:"items,omitempty"`
}

// The choices of EvalConfig.Items.
const (
	WarmItems = "warm"
	ColdItems = "cold"
	AllItems  = "all"
)

// ItemsChoices lists the choices of EvalConfig.Items.
func ItemsChoices() []string { return []string{WarmItems, ColdItems, AllItems} }

// CheckItems returns an error that lists the choices of EvalConfig.Items unless text is
// one of them.
func CheckItems(text string) error {
	return oneOf("items", text, ItemsChoices())
}
