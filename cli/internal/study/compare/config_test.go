package compare

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

func TestGroups(t *testing.T) {
	exact, sampled, all := expand([]string{"exact"}), expand([]string{"sampled"}), expand([]string{"all"})
	require.Contains(t, exact, "softmax")
	require.Contains(t, sampled, "bpr")
	require.NotContains(t, exact, "bpr")
	require.Equal(t, append(exact, sampled...), all)
	for _, s := range losses.All() {
		require.Contains(t, all, s.Name)
	}
	c, _ := small(t, "all", "bpr@all", "softmax@sampled:n=4,sampler=popularity")
	require.NoError(t, c.Validate())
	for _, model := range models.All() { // whatever its usual score is
		c.Models = append(c.Models, model.Name)
	}
	require.NoError(t, c.Validate())
	c.Models = nil
	c = c.WithDefaults()
	vs, err := c.variants()
	require.NoError(t, err)
	require.Greater(t, len(vs), 4)
	for _, v := range vs {
		require.NotEmpty(t, v.Candidates)
		cfg, err := c.with(v, nil, 0)
		require.NoError(t, err)
		require.Equal(t, v.Candidates, cfg.Candidates, v.Name)
	}
}

// TestModelsOfTheirKinds: what is usual of the first model is measured of all, and no patience
// that is only usual of a kind cuts a budget short.
func TestModelsOfTheirKinds(t *testing.T) {
	c, _ := small(t, "softmax")
	c.Models = []string{"gru4rec", "mf"}
	require.NoError(t, c.Validate())
	full := c.WithDefaults()
	vs, err := full.variants()
	require.NoError(t, err)
	require.Len(t, vs, 2)
	for i, early := range []bool{true, false} {
		cfg, err := full.with(vs[i], nil, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"ndcg@10", "hr@10"}, cfg.Eval.Metrics)
		require.Equal(t, early, cfg.Train.StopsEarly(), vs[i].Name)
	}
	c.Base.Train.Epochs, c.Budget.Steps = 0, 7
	require.NoError(t, c.Validate())
	cfg, err := c.WithDefaults().with(vs[0], nil, 0)
	require.NoError(t, err)
	require.False(t, cfg.Train.StopsEarly())
	c.Base.Eval.Metrics, c.Models = nil, []string{"mf", "gru4rec"}
	require.Equal(t, []string{"recall@20", "ndcg@20"}, c.WithDefaults().Base.Eval.Metrics)
}

// TestEntriesAreRead: an entry is held against what takes its settings, whatever
// candidates it has, and what is declared of it does not hang on its spelling.
func TestEntriesAreRead(t *testing.T) {
	for entry, want := range map[string]string{
		"bpr:weight=softmax":     `no parameter "weight"`,
		"bpr:weight=softmax@all": `no parameter "weight"`,
		"bpr:n=4@all":            "replaced by all",
		"softmax@everything":     `unknown candidates "everything"`,
		"softmax@ ":              "names no candidates",
	} {
		c, _ := small(t, "softmax", entry)
		require.ErrorContains(t, c.Validate(), want, entry)
	}
	c, _ := small(t, "infonce", "infonce: sampler = uniform", "infonce@sampled: correction = none, n = 512", "sampled-softmax:correction=none", "infonce@sampled", "ccl@ all ")
	vs, err := c.WithDefaults().variants()
	require.NoError(t, err)
	var orders []losses.Order
	for _, v := range vs {
		orders = append(orders, v.Order())
	}
	require.Equal(t, []losses.Order{losses.OrderStrict, losses.OrderStrict, losses.OrderStrict, losses.NoOrder, losses.NoOrder, losses.OrderWeak}, orders)

	// A temperature of the text's own stays, also between spaces.
	for text, want := range map[string]string{"psl": "tau", "psl: tau = 3": "", "softmax: tau = 0.3": "model", "am-softmax:margin=0.1": "scale", "am-softmax: scale = 9": ""} {
		r, err := models.Resolve(text, "", 0)
		require.NoError(t, err)
		require.Equal(t, want, temperatureOf(r), text)
	}
	// A learned temperature is of scores: a loss of cosines tries the numbers alone.
	c.Tune = []Axis{{"temperature", []string{"0.1", "learned"}}}
	for text, want := range map[string][]string{"softmax": {"0.1", "learned"}, "cosine": {"0.1"}} {
		r, err := models.Resolve(text, "", 0)
		require.NoError(t, err)
		var values []string
		for _, point := range c.grid(Variant{Loss: text, choice: r}) {
			values = append(values, point[0].Value)
		}
		require.Equal(t, want, values, text)
	}
}

func TestParse(t *testing.T) {
	require.Equal(t, []string{"softmax:tau=0.2,smoothing=0.1", "rg2", "softmax@sampled:n=4,sampler=popularity", "hinge"},
		ParseEntries("softmax:tau=0.2,smoothing=0.1, rg2,softmax@sampled:n=4,sampler=popularity,hinge"))
	a, err := ParseAxis("lr=0.1, 0.2")
	require.NoError(t, err)
	require.Equal(t, Axis{"lr", []string{"0.1", "0.2"}}, a)
	for _, text := range []string{"lr", "=1", "lr=", "lr=1,1", "lr=1,,2"} {
		_, err := ParseAxis(text)
		require.Error(t, err, text)
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"none; name losses":          func(c *Config) { c.Losses = nil },
		"unknown loss \"sofmax\"":    func(c *Config) { c.Losses = []string{"sofmax"} },
		"unknown candidates":         func(c *Config) { c.Losses = []string{"softmax@some"} },
		"names no candidates":        func(c *Config) { c.Losses = []string{"softmax@"} },
		"models: one is given twice": func(c *Config) { c.Models = []string{"mf", "mf"} },
		"what a comparison varies":   func(c *Config) { c.Base.Loss = "rg2" },
		"given twice":                func(c *Config) { c.Seeds = []uint64{1, 1} },
		"is not compared":            func(c *Config) { c.Baseline = "hinge" },
		"exclude each other":         func(c *Config) { c.Budget.Steps = 5 },
		"parallel: -1":               func(c *Config) { c.Parallel = -1 },
		"resamples: 3":               func(c *Config) { c.Resamples = 3 },
		"no folder":                  func(c *Config) { c.Dir = "" },
		"lr is given twice":          func(c *Config) { c.Tune = []Axis{{"lr", []string{"1"}}, {"lr", []string{"2"}}} },
		"\"x\" is no temperature":    func(c *Config) { c.Tune = []Axis{{"temperature", []string{"x"}}} },
		"nonsense":                   func(c *Config) { c.Tune = []Axis{{"nonsense", []string{"1"}}} },
		"only settings of model and": func(c *Config) { c.Tune = []Axis{{"train.seed", []string{"1"}}} },
		"need a budget of epochs":    func(c *Config) { c.Base.Train.Epochs = 0; c.Budget.Steps = 5; c.Base.Train.Patience = new(2) },
	} {
		c, _ := small(t, "softmax", "rg2")
		require.NoError(t, c.Validate())
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

// TestSpellings: what is compared is what a text means: a baseline, a model and a
// temperature are found however they are spelled, and two spellings are one run.
func TestSpellings(t *testing.T) {
	c, set := small(t, "softmax:tau=1.0", "softmax", "rg2@all ")
	c.Baseline, c.Models = "rg2", []string{" mf:"}
	require.NoError(t, c.Validate())
	planned := 0
	res, err := Run(t.Context(), c, set, func(e Event) {
		if p, ok := e.(*Planned); ok {
			planned += p.Runs
		}
	})
	require.NoError(t, err)
	require.Equal(t, 2*2, planned, "two losses at two seeds")
	require.Len(t, res.Rows, 3)
	for _, row := range res.Rows {
		require.Equal(t, "rg2@all ", res.Rows[row.Baseline].Entry)
		require.Equal(t, "mf", row.Model)
		require.Equal(t, 2, row.Done)
	}
	c.Models = []string{"mf", "mf:"}
	require.ErrorContains(t, c.Validate(), "models: one is given twice")
	for _, baseline := range []string{"@all", "hinge", "softmax@sampled"} {
		c, _ := small(t, "softmax:tau=1.0", "rg2")
		c.Baseline = baseline
		require.ErrorContains(t, c.Validate(), "is not compared", baseline)
	}
	// A temperature that the text gives stays, with spaces around it too.
	c, _ = small(t, "cosine: tau = 0.3")
	c.Tune = []Axis{{"temperature", []string{"0.1", "0.2"}}}
	vs, err := c.WithDefaults().variants()
	require.NoError(t, err)
	require.Len(t, c.grid(vs[0]), 1)
}

// TestBounds: numbers that no machine has are refused, not wrapped around.
func TestBounds(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"parallel: 9223372036854775807 is outside [1, 1024]":         func(c *Config) { c.Parallel = math.MaxInt },
		"resamples: 9223372036854775807 is outside [100, 1000000]":   func(c *Config) { c.Resamples = math.MaxInt },
		"budget: 9223372036854775807 steps are above 2147483647":     func(c *Config) { c.Base.Train.Epochs, c.Budget.Steps = 0, math.MaxInt },
		"train.batch: 9223372036854775807 is above 2147483647; want": func(c *Config) { c.Base.Train.Batch = math.MaxInt },
	} {
		c, _ := small(t, "softmax")
		change(&c)
		require.ErrorContains(t, c.Validate(), want)
	}
}

// TestAxesOfRegularization: l2, decay and reg are settings of the training, of all tables;
// a solver with a reg of its own takes that, and has no other.
func TestAxesOfRegularization(t *testing.T) {
	c, _ := small(t, "softmax")
	vs, err := c.WithDefaults().variants()
	require.NoError(t, err)
	for name, read := range map[string]func(c train.Config) string{
		"l2": func(c train.Config) string { return c.Train.L2 }, "reg": func(c train.Config) string { return c.Train.L2 },
		"decay": func(c train.Config) string { return c.Train.Decay },
	} {
		cfg, err := c.with(vs[0], []Setting{{name, "0.25"}}, 0)
		require.NoError(t, err)
		require.Equal(t, "0.25", read(cfg), name)
		require.NotContains(t, cfg.Train.Optimizer, "0.25")
		_, err = c.with(vs[0], []Setting{{name, "-1"}}, 0)
		require.NoError(t, err, "the plan says so")
	}
	c.Base.Train.Solver = "als"
	cfg := c.Base
	require.NoError(t, apply(&cfg, vs[0], Setting{"reg", "0.25"}))
	require.Equal(t, "als:reg=0.25", cfg.Train.Solver)
	require.ErrorContains(t, apply(&cfg, vs[0], Setting{"l2", "0.25"}), "has no optimizer")
	c.Base.Train.Solver = ""
	cfg = c.Base
	require.ErrorContains(t, apply(&cfg, vs[0], Setting{"l3", "0.25"}), "unknown setting; the choices are temperature, reg, l2, decay, lr, mode")
}
