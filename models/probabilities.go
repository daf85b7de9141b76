package models

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/losses"
)

// A Prober is a Ranker that gives classes probabilities. Those of a decision among classes
// are the softmax of their scores, which is what the map of the loss says, or what it
// stands for where it says something of each class by itself, or where it has none:
//
//	p_j = exp(s·z_j) / Σ_i exp(s·z_i)
//
// s is 1, or of a loss that takes cosines its own factor. A class that several decisions
// lead to has the product of theirs.
type Prober interface {
	Ranker

	// LogProbs stores in logP[i], for encoding i of h [n,d], n = len(logP), the natural logarithms
	// of the probabilities of classes targets(i) among all classes, in their order: as many
	// numbers. targets is called from several goroutines. A score that is NaN or +Inf is an
	// error, and so is a loss whose map is another. What a row gets does not depend on the
	// rows beside it, nor on the number of processors.
	LogProbs(logP [][]float64, h []float32, targets func(i int) []int32) error
}

// Probabilities returns nil where the rankers of c's head are [Prober]s and its loss permits
// it, and else the error that says why not and lists the choices.
func (c *Choice) Probabilities() error {
	var names []string
	if h := c.Head.Spec; h != nil && !h.Probabilities {
		for _, s := range Heads() {
			if s.Probabilities {
				names = append(names, s.Name)
			}
		}
		return fmt.Errorf("models: candidates %s give no probabilities of classes; those that do are %s", h.Name, strings.Join(names, ", "))
	}
	_, err := oddsScale(c.Loss)
	if err == nil {
		return nil
	}
	for _, s := range losses.All() {
		if _, err := oddsScale(s.Bind(s.Defaults())); err == nil {
			names = append(names, s.Name)
		}
	}
	return fmt.Errorf("%w; the losses that have such scores are %s", err, strings.Join(names, ", "))
}

// oddsScale returns s of a loss under which the odds of two classes are exp(s(z_i − z_j)): 1 of
// one without a map, as those that compare scores, and what it is by the map of the others.
func oddsScale(l losses.Loss) (float64, error) {
	if plain(l) {
		return 1, nil
	}
	z := []float64{0.5, 0, -0.25, 0.125}
	p := make([]float64, len(z))
	if !l.Predict(p, z) {
		if l.Spec.Domain == losses.Cosines {
			return 0, fmt.Errorf("models: loss %s takes cosines and has no map from them to probabilities", l)
		}
		return 1, nil
	}
	// The softmax and the logistic function alone have odds that are exponential; those of a
	// logistic function are p/(1−p).
	sum := 0.0
	for _, x := range p {
		sum += x
	}
	odds := func(i int) float64 {
		if math.Abs(sum-1) < 1e-12 {
			return p[i]
		}
		return p[i] / (1 - p[i])
	}
	s := math.Log(odds(0)/odds(1)) / (z[0] - z[1])
	for i := range z {
		got, want := math.Log(odds(i)/odds(1)), s*(z[i]-z[1])
		if !(s > 0 && !math.IsInf(s, 1) && math.Abs(got-want) <= 1e-6*(1+math.Abs(want))) {
			return 0, fmt.Errorf("models: loss %s has a map of its own from scores to shares, which is no softmax: where it gives 0 nothing is as improbable", l)
		}
	}
	return s, nil
}

// The blocks of scores of which LogProbs takes the sums.
const (
	probRows    = 16
	probClasses = 1024
)

// ProberBytes is what LogProbs takes for encodings of width d, what it stores apart.
func ProberBytes(d int) int64 {
	return 4 * int64(kernel.Workers()) * probRows * (int64(d) + probClasses)
}

// LogProbs implements Prober.
func (r *linearRanker) LogProbs(logP [][]float64, h []float32, targets func(i int) []int32) error {
	n, d, classes := len(logP), r.d, len(r.w)/r.d
	if err := fits(n, d, h); err != nil {
		return err
	}
	odds, err := oddsScale(r.rule.now())
	if err != nil {
		return err
	}
	r.h = append(r.h[:0], h...)
	r.encode(r.h)
	blocks := (n + probRows - 1) / probRows
	rooms, errs := make([][]float32, kernel.Workers()), make([]error, blocks)
	kernel.Spread(len(rooms), blocks, func(worker, block int) {
		if rooms[worker] == nil {
			rooms[worker] = make([]float32, probRows*(d+probClasses))
		}
		x, z := rooms[worker][:probRows*d], rooms[worker][probRows*d:]
		lo := block * probRows
		rows := min(probRows, n-lo)
		clear(x[copy(x, r.h[lo*d:(lo+rows)*d]):]) // always as many: a product adds in an order of its own for each size
		var top, sum [probRows]float64
		for i := range rows {
			top[i] = math.Inf(-1)
			for _, c := range targets(lo + i) {
				if c < 0 || int(c) >= classes {
					errs[block] = fmt.Errorf("models: row %d: a target of class %d, outside [0,%d)", lo+i, c, classes)
					return
				}
			}
			logP[lo+i] = logP[lo+i][:0]
			for range targets(lo + i) {
				logP[lo+i] = append(logP[lo+i], 0)
			}
		}
		for c0 := 0; c0 < classes; c0 += probClasses {
			m := min(probClasses, classes-c0)
			kernel.GemmNT(z[:probRows*m], x, r.w[c0*d:(c0+m)*d], probRows, m, d, false)
			for i := range rows {
				own := z[i*m : (i+1)*m]
				if r.bias != nil {
					for j := range own {
						own[j] += r.bias.Data[c0+j]
					}
				}
				most := own[0]
				for j, v := range own {
					if most = max(most, v); v != v || v > math.MaxFloat32 {
						errs[block] = fmt.Errorf("models: row %d: class %d has score %v: the model has diverged", lo+i, c0+j, v)
						return
					}
				}
				for k, c := range targets(lo + i) {
					if at := int(c) - c0; at >= 0 && at < m {
						logP[lo+i][k] = odds * float64(own[at])
					}
				}
				if t := odds * float64(most); t > top[i] {
					sum[i] *= math.Exp(top[i] - t)
					top[i] = t
				}
				sum[i] += expSum(own, odds, top[i])
			}
		}
		for i := range rows {
			lse := top[i] + math.Log(sum[i])
			for k := range logP[lo+i] {
				logP[lo+i][k] = min(logP[lo+i][k]-lse, 0)
			}
		}
	})
	return errors.Join(errs...)
}

// expSum returns Σ exp(s·z_j − top), and may write to z.
func expSum(z []float32, s, top float64) (sum float64) {
	for j, v := range z {
		z[j] = float32(s*float64(v) - top)
	}
	kernel.Exp(z, z, 0)
	for _, v := range z {
		sum += float64(v)
	}
	return sum
}

// probs is rank of log-probabilities: those of the targets among what score stores.
func (r *rowRanker) probs(logP [][]float64, targets func(i int) []int32, rule losses.Loss, score func(i int, dst []float32, scratch room)) error {
	if _, err := oddsScale(rule); err != nil {
		return err
	}
	return r.each(len(logP), score, func(i int, scores []float32) error {
		logP[i] = logP[i][:0]
		for _, c := range targets(i) {
			if c < 0 || int(c) >= len(scores) {
				return fmt.Errorf("a target of class %d, outside [0,%d)", c, len(scores))
			}
			if v := scores[c]; v != v {
				return fmt.Errorf("class %d has the log-probability %v: the model has diverged", c, v)
			}
			logP[i] = append(logP[i], min(float64(scores[c]), 0))
		}
		return nil
	})
}
