package models

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Bias says whether scores have biases that are trained, and where they start.
type Bias string

// The choices. They are written as truth values, but PriorBias.
const (
	NoBias    Bias = "false"
	ZeroBias  Bias = "true"  // one for each class, or each decision of the head, from 0 on
	PriorBias Bias = "prior" // one for each class, from where [StartAtPrior] says
)

// String returns the text of b.
func (b Bias) String() string { return string(b) }

// Biases lists the choices.
func Biases() []string { return []string{string(NoBias), string(ZeroBias), string(PriorBias)} }

// ParseBias reads one of Biases, or any other spelling of a truth value, such as 1. The
// error of another text lists the choices.
func ParseBias(text string) (Bias, error) {
	text = strings.TrimSpace(text)
	if text == string(PriorBias) {
		return PriorBias, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return "", fmt.Errorf("unknown bias %q%s", text, registry.Offer(text, Biases()))
	}
	return Bias(strconv.FormatBool(yes)), nil
}

// ClassBiased is a Head that adds a bias of its own to the score of each class, as
// HeadSpec.ClassBias declares.
type ClassBiased interface {
	Head
	ClassBias() *Table // [C,1]; nil of a head that was made without biases
}

// ClassBias implements ClassBiased.
func (a *all) ClassBias() *Table { return a.bias }

// StartAtPrior makes the class biases of h start where a model that tells no context from
// another would end: at the scores of the prior p, which are its log-odds,
//
//	b_j = u (log p_j − log(1 − p_j)),   p_j = Σ_i w_i t_ij/Σ_i w_i
//
// over the examples x with their weights, u being the loss's Unit. Under a loss with
// [losses.HotLabels] t_ij counts 1 of every label, so that p_j is the share of the contexts
// that have class j where each is one row of weight 1, and b_j is the loss's own link at p_j
// where it declares one: of bce the log-odds too. What no row has counts half of the
// least that a row gives to a class, and what every row has that much less. It is called before the tables are initialised, which then leave
// the biases as they are; an error of a head without them.
func StartAtPrior(h Head, l losses.Loss, x *data.Examples) error {
	if l.Spec == nil {
		return errors.New("models: biases that start at the prior of no loss")
	}
	biased, ok := h.(ClassBiased)
	if !ok || biased.ClassBias() == nil {
		return fmt.Errorf("models: %T has no bias of each class to start at the prior", h)
	}
	bias := biased.ClassBias()
	if err := x.Validate(bias.Rows); err != nil {
		return err
	}
	hot := l.Theory().Props.Has(losses.HotLabels)
	p, total, least := make([]float64, bias.Rows), 0.0, math.Inf(1)
	for i := range x.Row {
		labels := x.Targets.Row(i)
		if len(labels) == 0 {
			continue
		}
		w := 1.0
		if x.Weight != nil {
			w = float64(x.Weight[i])
		}
		total += w
		for j, y := range labels {
			share := 1 / float64(len(labels))
			if x.Targets.Weight != nil {
				share = float64(x.Targets.Weight[int(x.Targets.Ptr[i])+j])
			}
			if hot {
				share = 1
			}
			p[y] += w * share
			least = min(least, w*share)
		}
	}
	if total == 0 {
		return errors.New("models: no example has a target, and so there is no prior to start at")
	}
	half := least / total / 2
	for j := range p {
		p[j] = min(max(p[j]/total, half), 1-half)
	}
	bias.Data = make([]float32, bias.Rows)
	for j, b := range priorScores(l, hot, p) {
		bias.Data[j] = float32(b)
	}
	return nil
}

// priorScores returns the scores of prior p, each apart.
func priorScores(l losses.Loss, hot bool, p []float64) []float64 {
	if link := l.Theory().Link; hot && link != nil {
		return link(p, slices.Repeat([]float64{1}, len(p)))
	}
	b := make([]float64, len(p))
	for j, q := range p {
		b[j] = l.Unit() * (math.Log(q) - math.Log1p(-q))
	}
	return b
}
