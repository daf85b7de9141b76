package cli

import (
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

func TestLossesListsTheRegistry(t *testing.T) {
	code, out, _ := execute(t, "losses")
	require.Equal(t, exitOK, code)
	code, asJSON, _ := execute(t, "losses", "--json")
	require.Equal(t, exitOK, code)
	var cards []map[string]any
	require.NoError(t, json.Unmarshal([]byte(asJSON), &cards))
	require.Len(t, cards, len(losses.Names()))
	for i, spec := range losses.All() {
		require.Contains(t, out, "\n"+spec.Name+" ")
		require.Contains(t, out, spec.Doc)
		require.Equal(t, spec.Name, cards[i]["name"])
	}
}

func TestLossCardOfEveryLoss(t *testing.T) {
	for _, spec := range losses.All() {
		t.Run(spec.Name, func(t *testing.T) {
			code, out, stderr := execute(t, "losses", spec.Name)
			require.Equal(t, exitOK, code, stderr)
			require.Contains(t, out, spec.Source)
			require.Regexp(t, `(?m)^  price +\d.* ms a step, \d.* times the \d.* ms of a fused softmax; its form is: fused with the scores$`, out)
			require.Contains(t, out, "forward and backward of B=64 rows over C=10000 classes, d=64, float32")
			for _, p := range spec.Params {
				require.Contains(t, out, "\n  "+p.Name+" ")
			}
		})
	}
}

// TestCardOfALearnedParameter: the price is of the form that trains the parameter, which
// costs a multiple of a number's.
func TestCardOfALearnedParameter(t *testing.T) {
	code, out, stderr := execute(t, "losses", "entmax:alpha=learned,alpha-start=1.4", "--json")
	require.Equal(t, exitOK, code, stderr)
	var c card
	require.NoError(t, json.Unmarshal([]byte(out), &c))
	require.Equal(t, byDefinition, c.Price.Form)
	require.Empty(t, c.Price.Fault)
	require.Greater(t, c.Price.Ratio, 2.0)
	code, out, stderr = execute(t, "losses", "entmax:alpha=learned,alpha-start=1.4", "--price=false")
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, out, "\n  learned     alpha; what is said of it below is of entmax:alpha=1.4, where it starts\n")
	_, out, _ = execute(t, "losses", "entmax:alpha=1.4", "--price=false")
	require.NotContains(t, out, "\n  learned ")
}

// TestLossCard pins the form of a card on a spec that is not in the registry.
func TestLossCard(t *testing.T) {
	spec := losses.Spec{
		Name: "toy", Doc: "A toy", Source: "nobody, eq. 1",
		Params: []losses.Param{
			{Name: "tau", Doc: "temperature", Default: 1, Min: 0.01, Max: math.Inf(1)},
			{Name: "mode", Doc: "how", DefaultString: "plain", Choices: losses.Enum("plain", "odd")},
		},
		Theory: func(v losses.Values) losses.Theory {
			return losses.Theory{
				Props:      losses.NonNegative | losses.Convex,
				Smoothness: func(k int) float64 { return 1 / v.Num("tau") / float64(k) },
				MapOrder:   losses.OrderWeak, PopulationOrder: losses.OrderStrict, Calibrated: true,
				Margin: math.Inf(1), Support: losses.Support{Of: losses.NearTop, Reach: 2}, Cost: "O(K)",
			}
		},
		New: func(losses.Values) graph.Analytic { return graph.Analytic{} },
	}
	v, err := registry.Parse(spec.Params, "tau=0.5,mode=odd")
	require.NoError(t, err)
	c := newCard(spec.Bind(v))
	var b strings.Builder
	c.print(&b)
	require.Equal(t, `toy: A toy

  spec        toy:tau=0.5,mode=odd
  source      nobody, eq. 1
  properties  non-negative, convex
  scores      any score
  order       strict in the scores, weak in the prediction map
  calibrated  yes
  smoothness  0.002 at 1000 candidates
  margin      none
  gradient    the classes less than 2 below the top that pass the threshold, and the target
  cost        O(K) a row, beside the scores
  divided by  0.2 for cosines: no natural temperature follows from what it declares

  PARAMETER  VALUE  DEFAULT  RANGE         WHAT IT IS
  tau        0.5    1        0.01 or more  temperature
  mode       odd    plain    plain, odd    how
`, b.String())
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(text), `"margin":null`)
	require.Contains(t, string(text), `"smoothness_at_1000":0.002`)
}

// TestCardsOfTemperature: a card says what cosines are divided by, and how that follows.
func TestCardsOfTemperature(t *testing.T) {
	for loss, want := range map[string]string{
		"softmax": "1/(Link(1/M) − Link(b)) for cosines, b = 0 or, where that is infinite, 1/(C·M): 0.1247 on 3043 classes, M cancels",
		"bce":     ": 0.1148 on 3043 classes, with M = 1 because labels are hot",
		"entmax":  ": 5.745 where 132 of 3043 classes follow a context", "hinge": "0.2 for cosines", "cosine": "none: it takes cosines", "softmax:tau=0.1": "1: the loss has its own",
	} {
		code, out, stderr := execute(t, "losses", loss, "--price=false")
		require.Equal(t, exitOK, code, stderr)
		require.Regexp(t, `(?m)^  divided by  .*`+regexp.QuoteMeta(want), out)
		code, out, stderr = execute(t, "losses", loss, "--price=false", "--json")
		require.Equal(t, exitOK, code, stderr)
		var card struct {
			Natural *naturalCard `json:"natural_temperature"`
		}
		require.NoError(t, json.Unmarshal([]byte(out), &card))
		require.Equal(t, strings.HasPrefix(want, "1/") || strings.HasPrefix(want, ":"), card.Natural != nil, loss)
	}
}

// TestCardOfEveryRecipe says what it stands for and what minimises it.
func TestCardOfEveryRecipe(t *testing.T) {
	for _, c := range models.Recipes() {
		code, out, stderr := execute(t, "losses", c.Name, "--price=false")
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, c.Minimiser)
		require.Contains(t, out, "--candidates "+c.Candidates)
		code, out, stderr = execute(t, "losses", c.Name, "--json", "--price=false")
		require.Equal(t, exitOK, code, stderr)
		var card struct {
			Recipe struct{ Name, Candidates, Minimiser string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &card))
		require.Equal(t, c.Name, card.Recipe.Name)
		require.Equal(t, c.Minimiser, card.Recipe.Minimiser)
	}
}

// TestRecipesAreTheirLines trains every recipe by its name and by the line
// that its card says it stands for: to the same bits.
func TestRecipesAreTheirLines(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=60,items=70,per-user=8"})
	require.NoError(t, err)
	bits := func(loss, candidates string) (all [][]float32) {
		cfg := train.Config{Loss: loss, Candidates: candidates}
		cfg.Model.Dim, cfg.Train.Epochs, cfg.Train.Batch, cfg.Train.Task = 8, 2, 16, "pair"
		got, err := train.Run(t.Context(), cfg, set, nil)
		require.NoError(t, err, "%s over %s", loss, candidates)
		for _, table := range got.Trained.Tables() {
			all = append(all, table.Data)
		}
		return all
	}
	texts := []string{
		"neg:n=3", "neg:log-z=1", "gbce:n=16", "gbce:t=0.5,n=9", "gbce:beta=0.3", "nce:log-z=1", "nce:sampler=uniform", "bpr:weights=softmax, n = 4",
		"infonce:tau=0.5", "sampled-softmax:correction=importance,smoothing=0.1,n=9", "hsm:kind=balanced", "class-softmax:k=7,tau=2", "ccl:sampler=in-batch",
	}
	for _, c := range models.Recipes() {
		texts = append(texts, c.Name)
	}
	for _, text := range texts {
		t.Run(text, func(t *testing.T) {
			code, out, stderr := execute(t, "losses", text, "--json", "--price=false")
			require.Equal(t, exitOK, code, stderr)
			var card struct {
				Recipe struct {
					Line []string `json:"stands_for"`
				}
			}
			require.NoError(t, json.Unmarshal([]byte(out), &card))
			line := card.Recipe.Line
			require.Len(t, line, 4)
			require.Equal(t, []string{"--loss", "--candidates"}, []string{line[0], line[2]})
			_, out, _ = execute(t, "losses", text, "--price=false")
			require.Contains(t, out, "stands for  "+strings.Join(line, " ")+"\n")
			require.Equal(t, bits(text, ""), bits(line[1], line[3]), "%v", line)
		})
	}
}
