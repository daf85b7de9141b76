package bias

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// An Estimator is a loss over candidates, which stands in for the full loss.
type Estimator struct {
	Text string
	Loss losses.Loss

	// These are a sampled estimator's. Sampler.Spec is nil for a loss over all classes.
	Sampler    sampler.Choice
	correction graph.Correction
	drop       bool
	draws      int
	given      bool // the text says draws

	choice models.Choice
}

// at returns the estimator with k draws, on whose number its loss may depend.
func (e *Estimator) at(classes, k int) (*Estimator, error) {
	if e.choice.Recipe == nil || !e.Sampled() {
		return e, nil
	}
	at := *e
	var err error
	at.Loss, err = e.choice.LossOf(classes, k)
	return &at, err
}

// Parse returns the estimator that text denotes among that many classes. The text is a
// loss, a recipe, or either with candidates of its own, as in
// "sparsemax@sampled:n=16,correction=none".
func Parse(text string, classes int) (*Estimator, error) {
	r, err := models.Resolve(text, "", classes)
	if err != nil {
		return nil, err
	}
	e := &Estimator{Text: text, Loss: r.Loss, choice: r}
	if r.Head.Spec.Exact {
		return e, nil
	}
	how, drawn := r.Head.Sampling()
	if !drawn {
		return nil, fmt.Errorf("bias: %s: candidates %s are another model, not an estimate of the full loss; the choices are all and sampled", text, r.Head.Spec.Name)
	}
	e.Sampler = how.Sampler
	if e.Sampler.Spec.Props.Has(sampler.InBatch) {
		return nil, fmt.Errorf("bias: %s: sampler %s draws from batches, and a query is alone", text, e.Sampler.Spec.Name)
	}
	e.draws, e.correction = how.N, how.Correction
	e.given = r.Sets("n")
	if _, candidates, found := models.CutCandidates(text); found {
		own, err := registry.Read(candidates)
		if err != nil { // Resolve has read it
			return nil, fmt.Errorf("bias: %s: %w", text, err)
		}
		e.given = e.given || registry.Has(own.Settings, "n")
	}
	e.drop = how.Drop || how.Correction == graph.CorrectImportance
	return e, nil
}

// Sampled reports whether the estimator draws candidates.
func (e *Estimator) Sampled() bool { return e.Sampler.Spec != nil }

// SaysDraws reports whether the text itself says how many draws there are.
func (e *Estimator) SaysDraws() bool { return e.given }

// Table lists the estimators of the usual comparison: the corrections of sampled
// softmax with static and adaptive samplers, and the losses that stand in for it.
func Table() []string {
	var texts []string
	for _, c := range []string{"importance", "logq"} {
		for _, s := range []string{"uniform", "popularity,beta=1", "popularity", "midx", "quadratic", "rff", "softmax-exact"} {
			texts = append(texts, "sampled-softmax:correction="+c+",sampler="+s)
		}
	}
	return append(texts,
		"infonce:sampler=uniform", "infonce:sampler=popularity,beta=1", "infonce:sampler=dns",
		"nce:sampler=uniform", "nce:sampler=popularity,beta=1", "bpr:sampler=uniform", "neg:sampler=popularity", "rg2", "rgx")
}
