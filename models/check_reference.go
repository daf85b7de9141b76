package models

import (
	"fmt"
	"math"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// reference is the textbook cost of the scores as a function of the tables.
type reference struct {
	*gradientCheck
	program *graph.Program[float64] // of the scores
	held    [][]losses.Loss         // of each row of scores, at the tables' data
}

// hold fixes what the loss's gradient holds constant.
func (r *reference) hold() error {
	if err := r.program.Run(); err != nil {
		return err
	}
	r.held = make([][]losses.Loss, len(r.scored))
	return r.each(func(p, _ int, z []float64, _ graph.Target[float64], _ float64) {
		r.held[p] = append(r.held[p], r.loss.Held(z))
	})
}

// cost returns the mean loss at what the tables hold.
func (r *reference) cost() (float64, error) {
	if err := r.program.Run(); err != nil {
		return math.NaN(), err
	}
	sum, total, at, part := 0.0, 0.0, 0, 0
	err := r.each(func(p, _ int, z []float64, t graph.Target[float64], weight float64) {
		if p != part {
			part, at = p, 0
		}
		sum += weight * r.held[p][at].Ref(z, t)
		at++
	})
	for i := range r.batch.Len() {
		if r.batch.Targets.Ptr[i] < r.batch.Targets.Ptr[i+1] {
			total += r.weight(i)
		}
	}
	return sum / total, err
}

// each calls f for each row of scores of the last run that is not padding, without masked
// candidates; weight is its share in the sum of losses.
func (r *reference) each(f func(part, row int, z []float64, t graph.Target[float64], weight float64)) error {
	for p, rows := range r.scored {
		z := r.program.Value(rows.Scores)
		n := rows.Scores.Shape()[0]
		k := len(z) / n
		targets := graph.TargetRows[float64](rows.Targets)
		for i := range n {
			row, weight := i, 1.0
			if rows.Row != nil {
				row = int(rows.Row.Value().Data().([]int32)[i])
				weight = rows.Weight.Value().Data().([]float64)[i]
			}
			if row < 0 || len(targets[i].Pos) == 0 {
				continue
			}
			kept, t, err := unmasked(z[i*k:(i+1)*k], targets[i])
			if err != nil {
				return err
			}
			f(p, row, kept, t, weight*r.weight(row))
		}
	}
	return nil
}

// weight returns the weight of a row of the batch.
func (s *gradientCheck) weight(row int) float64 {
	if s.batch.Weight == nil {
		return 1
	}
	return float64(s.batch.Weight[row])
}

// unmasked returns copies without the candidates of score −Inf.
func unmasked(z []float64, t graph.Target[float64]) ([]float64, graph.Target[float64], error) {
	kept, to := make([]float64, 0, len(z)), graph.Target[float64]{Weight: t.Weight}
	place := make([]int32, len(z))
	for j, v := range z {
		place[j] = -1
		if !math.IsInf(v, -1) {
			place[j] = int32(len(kept))
			kept = append(kept, v)
		}
	}
	for _, y := range t.Pos {
		if place[y] < 0 {
			return nil, to, fmt.Errorf("models: candidate %d has a target and is masked", y)
		}
		to.Pos = append(to.Pos, place[y])
	}
	return kept, to, nil
}
