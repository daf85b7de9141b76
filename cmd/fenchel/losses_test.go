package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/losses/param"
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
			for _, p := range spec.Params {
				require.Contains(t, out, "\n  "+p.Name+" ")
			}
		})
	}
}

// TestLossCard pins the form of a card on a spec that is not in the registry.
func TestLossCard(t *testing.T) {
	spec := losses.Spec{
		Name: "toy", Doc: "A toy", Source: "nobody, eq. 1",
		Params: []losses.Param{
			{Name: "tau", Doc: "temperature", Default: 1, Min: 0.01, Max: math.Inf(1)},
			{Name: "mode", Doc: "how", DefaultWord: "plain", Words: losses.OneOf("plain", "odd")},
		},
		Theory: func(v losses.Values) losses.Theory {
			return losses.Theory{
				Props:      losses.NonNegative | losses.Convex,
				Smoothness: func(k int) float64 { return 1 / v.Num("tau") / float64(k) },
				MapOrder:   losses.OrderWeak, PopulationOrder: losses.OrderStrict, Calibrated: true,
				Margin: math.Inf(1), Support: "dense", Cost: "O(K)",
			}
		},
		New: func(losses.Values) graph.Rows { return graph.Rows{} },
	}
	v, err := param.Parse(spec.Params, "tau=0.5,mode=odd")
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
  gradient    dense
  cost        O(K) a row, beside the scores

  PARAMETER  VALUE  DEFAULT  RANGE         WHAT IT IS
  tau        0.5    1        0.01 or more  temperature
  mode       odd    plain    plain, odd    how
`, b.String())
	text, err := json.Marshal(c)
	require.NoError(t, err)
	require.Contains(t, string(text), `"margin":null`)
	require.Contains(t, string(text), `"smoothness_at_1000":0.002`)
}

// TestCardOfEveryComposition says what it stands for and what minimises it.
func TestCardOfEveryComposition(t *testing.T) {
	for _, c := range losses.Compositions() {
		code, out, stderr := execute(t, "losses", c.Name)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, out, c.Minimiser)
		require.Contains(t, out, "--candidates "+c.Candidates)
		code, out, stderr = execute(t, "losses", c.Name, "--json")
		require.Equal(t, exitOK, code, stderr)
		var card struct {
			Composition struct{ Name, Candidates, Minimiser string }
		}
		require.NoError(t, json.Unmarshal([]byte(out), &card))
		require.Equal(t, c.Name, card.Composition.Name)
		require.Equal(t, c.Minimiser, card.Composition.Minimiser)
	}
}
