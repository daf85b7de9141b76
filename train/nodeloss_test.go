package train

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// The tests here that range over the registry train a loss that is nothing but its nodes
// under every head, too.
func init() {
	losses.Register(losses.Spec{Name: "test-nodes", Doc: "softmax, as nodes alone",
		Node: func(_ losses.Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			var e graph.Expr
			return e.N(graph.Sub(e.N(graph.LogSumExp(z)), e.N(graph.TargetDot(z, t)))), e.Err
		}})
}

// TestNodesTrainAsTheClosedForm: softmax by its nodes alone has the losses and nearly the
// metrics of softmax, over all classes and over sampled ones, of users with several
// positives and of pairs, with a bias, in batches whose last is filled up with padding.
func TestNodesTrainAsTheClosedForm(t *testing.T) {
	set := small(t)
	for candidates, text := range map[string]string{
		"all":                                   "{}",
		"sampled:n=8":                           "{train: {task: pair}}",
		"sampled:n=8,sampler=in-batch":          "{train: {task: pair}}",
		"sampled:n=8,correction=none,hits=keep": "{model: {score: dot, bias: true}}",
		"all,":                                  "{model: {score: dot, bias: true}, train: {task: pair}}",
		"classes":                               "{}",
		"tree":                                  "{}",
		"sampled:n=8,sampler=softmax-exact,per=row": "{}",
		"sampled:n=30,correction=importance":        "{}",
		"sampled:n=8,sampler=uniform,per=batch":     "{}",
	} {
		t.Run(candidates, func(t *testing.T) {
			run := func(loss string) *Result {
				c := quick(text)
				c.Loss, c.Candidates = loss, candidates
				if c.Model.Score == "" {
					c.Model.Temperature = "0.2" // which a loss of nodes alone has; that of softmax follows from its link
				}
				if candidates == "all," {
					c.Candidates = "all"
				}
				r, err := Run(t.Context(), c, set, nil)
				require.NoError(t, err)
				return r
			}
			want, got := run("softmax"), run("test-nodes")
			require.Len(t, got.History, len(want.History))
			for i, e := range want.History {
				require.InEpsilon(t, e.Loss, got.History[i].Loss, 2e-4, "epoch %d", i)
			}
			a, _ := want.Valid.Get("recall@20")
			b, _ := got.Valid.Get("recall@20")
			require.Positive(t, a)
			require.InDelta(t, a, b, 0.02)
		})
	}
}
