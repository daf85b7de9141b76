package consistency

import (
	"fmt"
	"math"
	"strings"

	"github.com/fenchel-ml/fenchel/cli/internal/study/conditionalrisk"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// A testedLoss is a risk to minimise, and what is declared of its minimisers.
type testedLoss struct {
	name    string
	recipe  bool
	domain  losses.Domain
	convex  bool
	beta    func(k int) float64 // smoothness of the risk, or a bound
	risk    func(t Distribution) conditionalrisk.Objective
	predict func(p, z []float64) bool // nil without a map
	claims  func(res Result, o observed) []Claim
}

// exact is a loss over all classes.
func exact(b losses.Loss) testedLoss {
	th := b.Theory()
	s := testedLoss{
		name: b.String(), domain: b.Spec.Domain, convex: th.Props.Has(losses.Convex), beta: smoothness(b, th),
		risk:   func(t Distribution) conditionalrisk.Objective { return conditionalrisk.New(b, t.T) },
		claims: func(res Result, o observed) []Claim { return exactClaims(th, res, o) },
	}
	if !b.HasTheory() { // nothing is declared to hold the draws against
		s.claims = func(Result, observed) []Claim { return nil }
	}
	if b.Spec.Predict != nil {
		s.predict = b.Predict
	}
	return s
}

// smoothness is that of th, the theory of b. A loss that declares none is searched as
// losses are that are not smooth, by values.
func smoothness(b losses.Loss, th losses.Theory) func(k int) float64 {
	if !b.HasTheory() {
		return losses.Constant(math.Inf(1))
	}
	return th.Smoothness
}

// SampledDraws is the number of draws of recipes: the fewest that rows with
// several draws have, where approximations are at their worst.
const SampledDraws = 2

// testedLosses are a recipe under any q and under uniform q.
func testedLosses(text string) ([]testedLoss, error) {
	r, err := models.Resolve(text, "", 0)
	if err != nil {
		return nil, err
	}
	if r.Recipe == nil {
		return nil, fmt.Errorf("consistency: %s is no recipe; the choices are %s", text, strings.Join(Sampled(), ", "))
	}
	how, drawn := r.Head.Sampling()
	if !drawn {
		return nil, fmt.Errorf("consistency: %s has candidates %s, whose scores are not those of classes; the choices are %s", text, r.Head.Spec.Name, strings.Join(Sampled(), ", "))
	}
	th := r.Loss.Theory()
	beta := smoothness(r.Loss, th)
	one := func(name string, declared losses.Order, uniform bool) testedLoss {
		return testedLoss{
			name: name, recipe: true, domain: r.Loss.Spec.Domain, convex: th.Props.Has(losses.Convex),
			beta: func(int) float64 { return beta(SampledDraws + 1) },
			risk: func(t Distribution) conditionalrisk.Objective {
				b, err := r.LossOf(len(t.T), SampledDraws)
				if err != nil { // of settings that were bound before
					panic("consistency: " + err.Error())
				}
				q := t.Q
				if uniform {
					q = make([]float64, len(t.T))
					for i := range q {
						q[i] = 1 / float64(len(q))
					}
				}
				return conditionalrisk.NewSampled(b, t.T, q, SampledDraws, how.Correction, how.Drop)
			},
			claims: func(res Result, o observed) []Claim {
				if declared == losses.NoOrder || !r.Declared() || res.Scores.Draws == 0 {
					return nil
				}
				return []Claim{orderClaim(OrderOfScores, declared, o.worstScores, o.orderAt)}
			},
		}
	}
	return []testedLoss{
		one(text+", any q", r.Recipe.Order, false),
		one(text+", uniform q", r.Recipe.OrderUniform, true),
	}, nil
}
