package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/examples/configs"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// A setting is a flag that gives one path of train.Config its value.
type setting struct {
	flag, path, usage string
	kind              string          // what the help calls the value
	joined            bool            // the flag may be repeated: its values get commas between
	alone             string          // the value where the flag stands without one; "": it cannot
	choices           func() []string // that the help lists, asked when all are registered
	complete          cobra.CompletionFunc
}

var settings = []setting{
	{flag: "data", path: "data.source", kind: "path", usage: "file, directory of splits or of one file, or generated set such as demo:users=500", complete: completeSource},
	{flag: "format", path: "data.format", kind: "name", usage: "format of the files, such as csv or sequence:ids=from1; recognised by content unless given", complete: completeSpecs("format")},
	{flag: "columns", path: "data.columns", kind: "list", joined: true, usage: columnsUsage, complete: complete(columnRoles)},
	{flag: "sep", path: "data.sep", kind: "name", usage: sepUsage, complete: complete(separatorNames)},
	{flag: "quote", path: "data.quote", kind: "name", usage: quoteUsage, complete: complete(quoteNames)},
	{flag: "header", path: "data.header", kind: "name", usage: headerUsage, complete: complete(headerNames)},
	{flag: "user-features", path: "data.user_features", kind: "path", usage: userFeaturesUsage, complete: completeFile},
	{flag: "item-features", path: "data.item_features", kind: "path", usage: itemFeaturesUsage, complete: completeFile},
	{flag: "min-rating", path: "data.min_rating", kind: "number", usage: minRatingUsage},
	{flag: "core", path: "data.core", kind: "n", usage: "keep the users and items with at least this many interactions; 0 keeps all"},
	{flag: "split", path: "data.split", kind: "split", usage: "how to split; " + usualSplits + ", unless given", complete: complete(splitExamples)},
	{flag: "held", path: "data.held", kind: "number", usage: "share of the users who are held out of training altogether, such as 0.1 or 0.1,seed=2; eval --users held measures their rankings, by their histories or features alone"},
	{flag: "model", path: "model.name", kind: "model", usage: "model", complete: completeSpecs("model")},
	{flag: "dim", path: "model.dim", kind: "n", usage: "width of user and item vectors"},
	{flag: "score", path: "model.score", kind: "name", usage: "how vectors meet: cosine, or dot, which is usual of linear and of models in the order of time, such as sasrec and ngram, unless the loss takes cosines alone", complete: complete(namesOf(models.Scores, func(s models.Score) string { return string(s) }))},
	{flag: "temperature", path: "model.temperature", kind: "text", usage: "divides the scores before any loss, or learned, with which it is trained, as in learned:start=0.2,min=0.01,max=100; unless given the natural one of the loss for cosine (losses NAME says it), or 0.2 where there is none, but 1 for dot and for losses with a temperature of their own, such as softmax:tau=0.1", complete: complete(func() []string { return []string{"learned", "learned:start="} })},
	{flag: "spread", path: "model.spread", kind: "number", usage: "classes that follow one context, which decide the natural temperature; the mean interactions of a user unless given"},
	{flag: "bias", path: "model.bias", kind: "name", alone: "true", usage: "train a bias per item: true, which starts at 0; prior, which starts at the score that the loss gives the item's share of the users, such as its log-odds; or false; unless given prior, or true of linear, for losses of hot labels over all classes, such as bce", complete: complete(models.Biases)},
	{flag: "init", path: "model.init", kind: "number", usage: "standard deviation of the first weights; unless given what is usual of the model, such as 0.02 of sasrec and gru4rec"},
	{flag: "loss", path: "loss", kind: "loss", usage: "loss, such as softmax:smoothing=0.1, or recipe, such as sampled-softmax:n=64, either with candidates as in sparsemax@sampled:n=64; the command losses lists them", complete: completeSpecs("loss", "recipe")},
	{flag: "candidates", path: "candidates", kind: "text", usage: "classes that a row is scored against in training: what follows the @ of --loss", complete: completeSpecs("candidates")},
	{flag: "protocol", path: "protocol", kind: "name", usage: "how publications train and measure, by name: what --split, --train-on, --mask and --items are; the command list protocol says what each has", choices: protocolNames, complete: completeSpecs("protocol")},
	{flag: "train-on", path: "train.on", kind: "name", usage: "what is trained on: train, or train+valid, which leaves no valid set to watch", complete: complete(train.OnChoices)},
	{flag: "solver", path: "train.solver", kind: "text", usage: "how a step is made", complete: completeSpecs("solver")},
	{flag: "epochs", path: "train.epochs", kind: "n", usage: "passes over the data; unless given what is usual of the model, such as 30 of linear"},
	{flag: "task", path: "train.task", kind: "name", usage: "what an example is: user (with all positives), pair, or in the order of time next (each event of a user's last ones, in one pass) last (one event and the history before it) and window (one event and the nearest before it), as in next:len=50; skipgram (a word of running text, with those around it as targets); or label (a point with all its labels)", complete: completeSpecs("task")},
	{flag: "weight", path: "train.weight", kind: "name", usage: "what counts as one in the mean loss over rows: interaction, with which a row of m counts m, user, or sqrt in between; unless given user for losses of hot labels over all classes, such as bce", complete: complete(data.RowWeights)},
	{flag: "batch", path: "train.batch", kind: "n", usage: "rows of a step; unless given 128, or what is usual of the model, such as 512 of ngram and 256 of linear"},
	{flag: "positions", path: "train.positions", kind: "n", usage: "events that the histories of a step have together at the most, in place of --batch; of the tasks next and last"},
	{flag: "optimizer", path: "train.optimizer", kind: "text", usage: "optimizer; unless given adam at the rate that is usual of the model, such as 0.001 of sasrec and gru4rec, and 0.003 of ngram", complete: completeSpecs("optimizer")},
	{flag: "schedule", path: "train.schedule", kind: "text", usage: "learning-rate schedule", complete: completeSpecs("schedule")},
	{flag: "l2", path: "train.l2", kind: "text", usage: "L2 regularisation: a number for all tables, or name=number for some, as in user=1e-4,class=1e-5; with on=batch, as in 1e-4,on=batch, of what a batch reads alone (its names are context and class); unless given what is usual of the model, such as 3e-5 of linear", complete: complete(penaltyExamples)},
	{flag: "decay", path: "train.decay", kind: "text", usage: "decoupled decay of weights, written as --l2; with on=batch of the rows that have a gradient", complete: complete(penaltyExamples)},
	{flag: "dropout", path: "train.dropout", kind: "number", usage: "probability with which a number of an encoding is 0 in a step of training"},
	{flag: "clip", path: "train.clip", kind: "number", usage: "most that the norm of a step's gradient, of all tables together, may be; a longer one is scaled down to it, before l2 is added but for l2 with on=batch, and 0 leaves all as they are"},
	{flag: "precision", path: "train.precision", kind: "name", usage: "what the products of scores may be rounded to where the processor has tiles of bfloat16 and gains by it: highest, to nothing, high, to 16 bits, or medium, to 8; rankings are never rounded", complete: complete(graph.Precisions)},
	{flag: "patience", path: "train.patience", kind: "n", usage: "stop after so many evaluations without a better value and keep the best weights; 0 runs all epochs, and unless given models that know the order of histories, such as sasrec, stop after 5 and others run all"},
	{flag: "monitor", path: "train.monitor", kind: "metric", usage: "metric that --patience watches", complete: completeMetrics},
	{flag: "seed", path: "train.seed", kind: "n", usage: "seed of first weights and of the order of batches"},
	{flag: "metrics", path: "eval.metrics", kind: "list", usage: "metrics, with commas, each at a cut-off such as recall@20, or nll and perplexity, which have none", choices: metric.Names, complete: completeMetrics},
	{flag: "every", path: "eval.every", kind: "n", usage: "epochs between evaluations on valid"},
	{flag: maskFlag, path: "eval.mask", kind: "name", usage: maskUsage, complete: complete(train.MaskChoices)},
	{flag: itemsFlag, path: itemsPath, kind: "name", usage: itemsUsage, complete: complete(train.ItemsChoices)},
}

// Features have flags where a set is trained on and where it is described.
const (
	userFeaturesUsage = "file of features of users, whose first column are their ids; the command data describe lists formats; unless given one in the folder of the data under a name that is known"
	itemFeaturesUsage = "the same of items"
)

// usualSplits says what --split is unless given.
const usualSplits = "as the files say, else " + data.OrderedSplit + " of the format sequence, " + data.PointSplit + " of points, " + data.TextSplit + " of the format text and " + data.DefaultSplit + " of others"

// penaltyExamples show how what draws weights to 0 is written.
func penaltyExamples() []string { return []string{"1e-4", "1e-4,on=batch", "user=1e-4,class=1e-5"} }

// Which items rankings hold has a flag where a model is trained and where it is used.
const (
	itemsFlag  = "items"
	itemsPath  = "eval.items"
	itemsUsage = "items that are ranked: " + train.WarmItems + " (those with a training pair), " + train.ColdItems + " (those without, which features tell of) or " + train.AllItems

	maskFlag  = "mask"
	maskUsage = "what a ranking of test leaves out: " + train.BothSets + ", " + train.TrainSet + " (items of valid are wrong candidates then) or " + train.NoMask
)

// protocolNames lists the names that --protocol takes.
func protocolNames() []string {
	return namesOf(train.Protocols, func(s *train.ProtocolSpec) string { return s.Name })()
}

// The learning rate is a parameter within the text train.optimizer. It has a
// flag and, for --set, a path of its own.
const (
	rateFlag = "lr"
	ratePath = "train.lr"
)

// configFlags gather a train.Config from a file or a preset, --set and flags, in this
// order.
type configFlags struct {
	flags  *pflag.FlagSet
	file   string
	preset string // its name, of a command that takes one
	sets   []string

	// model is what the configuration is held against where it names none: a command that
	// takes models of its own puts the first of them here.
	model string
}

// textValue is a flag whose text train.Config, or data.Config, will read.
type textValue struct {
	text, kind string
	joined     bool // a further text follows after a comma, in place of replacing the first
}

func (v *textValue) String() string { return v.text }

func (v *textValue) Set(text string) error {
	if v.joined && v.text != "" {
		text = v.text + "," + text
	}
	v.text = text
	return nil
}

func (v *textValue) Type() string { return v.kind }

func addConfigFlags(cmd *cobra.Command) *configFlags {
	c := &configFlags{flags: cmd.Flags()}
	f := cmd.Flags()
	defaults := defaultTexts()
	for _, s := range settings {
		usage := s.usage
		if s.choices != nil {
			usage += ": " + strings.Join(s.choices(), ", ")
		}
		if d := defaults[s.path]; d != "" {
			usage += " (default " + d + ")"
		}
		flag := f.VarPF(&textValue{kind: s.kind, joined: s.joined}, s.flag, "", usage)
		flag.NoOptDefVal = s.alone
		if s.complete != nil {
			must(cmd.RegisterFlagCompletionFunc(s.flag, s.complete))
		}
	}
	f.Var(&textValue{kind: "number"}, rateFlag, "learning rate: the lr of the optimizer")
	f.StringVar(&c.file, "config", "", "YAML file of settings, such as a run folder's "+train.ConfigFile)
	f.StringArrayVar(&c.sets, "set", nil, "setting by its path, such as train.epochs=10; may be repeated")
	must(cmd.RegisterFlagCompletionFunc("set", complete(func() []string { return append(train.Paths(), ratePath) })))
	must(cmd.MarkFlagFilename("config", "yaml", "yml"))
	return c
}

// defaultTexts returns the defaults of train.Config by path, those that are not
// a zero value.
var defaultTexts = sync.OnceValue(func() map[string]string {
	var tree map[string]any
	must(yaml.Unmarshal([]byte(train.Config{}.WithDefaults().String()), &tree))
	texts := map[string]string{}
	var walk func(prefix string, tree map[string]any)
	walk = func(prefix string, tree map[string]any) {
		for key, value := range tree {
			switch v := value.(type) {
			case map[string]any:
				walk(prefix+key+".", v)
			case []any:
				var parts []string
				for _, x := range v {
					parts = append(parts, fmt.Sprint(x))
				}
				texts[prefix+key] = strings.Join(parts, ",")
			default:
				texts[prefix+key] = fmt.Sprint(v)
			}
		}
	}
	walk("", tree)
	return texts
})

// config returns the configuration that the command line asks for, validated.
func (c *configFlags) config() (train.Config, error) {
	p, err := c.plan()
	if err != nil {
		return train.Config{}, err
	}
	return p.Given, nil
}

// plan returns the plan of the configuration that the command line asks for.
func (c *configFlags) plan() (*train.Plan, error) {
	cfg, err := c.readPreset()
	if err != nil {
		return nil, err
	}
	if c.file != "" {
		text, err := os.ReadFile(c.file)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		if cfg, err = train.Parse(text); err != nil {
			return nil, usagef("--config %s: %w", c.file, err)
		}
	}
	file := recorded{cfg, c.from()}
	given := map[string]bool{}
	rate, rated := "", false
	for _, text := range c.sets {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("--set %s: want path=value", text)
		}
		if path = strings.TrimSpace(path); path == ratePath {
			rate, rated = value, true
			continue
		}
		if err := cfg.Set(path, value); err != nil {
			return nil, usagef("--set %s: %w", text, err)
		}
		given[path] = true
	}
	for _, s := range settings {
		if !c.flags.Changed(s.flag) {
			continue
		}
		if err := cfg.Set(s.path, c.flags.Lookup(s.flag).Value.String()); err != nil {
			return nil, usageError{nameFlags(err)}
		}
		given[s.path] = true
	}
	notes := file.giveWay(&cfg, given)
	if c.flags.Changed(rateFlag) {
		rate, rated = c.flags.Lookup(rateFlag).Value.String(), true
	}
	if c.preset != "" && cfg.Data.Source == "" {
		return nil, usagef("--preset %s: name its data with --data; its figures are of %s", c.preset, configs.Folder(c.preset))
	}
	named := cfg.Model.Name
	if named == "" {
		cfg.Model.Name = c.model
	}
	p, err := cfg.Plan()
	if err != nil {
		return nil, usageError{nameFlags(err)}
	}
	p.Given.Model.Name = named
	p.Notes = append(p.Notes, notes...)
	if rated { // last: it goes into whichever optimizer was chosen
		if p, err = p.WithRate(rate); err != nil {
			return nil, usagef("--%s: %w", rateFlag, err)
		}
	}
	return p, nil
}

// from names the file or the preset that settings begin with, "" where there is none.
func (c *configFlags) from() string { return cmp.Or(c.file, c.preset) }

// nameFlags puts the flag's name where a fault names a path, as in "train.epochs: -1 is
// below 1" and in what Config.Set says, train.epochs="x" is not a int.
func nameFlags(err error) error {
	lines := strings.Split(strings.TrimPrefix(err.Error(), "config: "), "\n")
	for i, line := range lines {
		of := "" // whose configuration it is, of several
		if at := strings.Index(line, ": config: "); at >= 0 {
			of, line = line[:at+len(": ")], line[at+len(": config: "):]
			lines[i] = of + line
		}
		for _, s := range settings {
			for _, end := range []string{": ", "="} {
				if rest, ok := strings.CutPrefix(line, s.path+end); ok {
					lines[i] = of + "--" + s.flag + ": " + rest
				}
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}

// namesOf returns the names of a registry.
func namesOf[S any](all func() []S, name func(S) string) func() []string {
	return func() []string {
		var names []string
		for _, s := range all() {
			names = append(names, name(s))
		}
		return names
	}
}
