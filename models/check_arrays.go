package models

import (
	"errors"
	"fmt"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// arrays collects what was computed, and from what.
func (s *gradientCheck) arrays(cost float64, numerical [][]float64) error {
	add := func(name string, data any, shape ...int) {
		if shape == nil {
			s.report.Arrays = append(s.report.Arrays, graph.Vector(name, data))
			return
		}
		s.report.Arrays = append(s.report.Arrays, graph.Array{Name: name, Shape: shape, Data: data})
	}
	for _, t := range s.graph.Tables() {
		add("table/"+t.Name, t.Data, t.Rows, t.Dim)
	}
	rows := make([]int32, s.batch.Len())
	for i := range rows {
		rows[i] = s.batch.Row(i)
	}
	add("batch/row", rows)
	if s.batch.Weight != nil {
		add("batch/weight", widened(s.batch.Weight))
	}
	targets := func(prefix, suffix string, t *graph.Targets) {
		ptr, class, weight := []int32{0}, []int32{}, []float64{}
		for _, row := range graph.TargetRows[float64](t) {
			class, weight = append(class, row.Pos...), append(weight, row.Weight...)
			ptr = append(ptr, int32(len(class)))
		}
		add(prefix+"target.ptr"+suffix, ptr)
		add(prefix+"target.class"+suffix, class)
		add(prefix+"target.weight"+suffix, weight)
	}
	targets("batch/", "", s.objective.Targets())
	for _, by := range s.by {
		add("cost/"+by.name, []float64{by.cost})
		for i, t := range s.tables {
			add("gradient/"+by.name+"/"+t.Name, by.grads[i], s.graph.Node(t).Shape()...)
		}
	}
	add("cost/"+Numerical, []float64{cost})
	for i, t := range s.tables {
		add("gradient/"+Numerical+"/"+t.Name, numerical[i], s.graph.Node(t).Shape()...)
	}
	for p, rows := range s.scored {
		suffix := fmt.Sprintf("/%d", p)
		add("scores"+suffix, slices.Clone(s.reference.program.Value(rows.Scores)), rows.Scores.Shape()...)
		targets("", suffix, rows.Targets)
		if rows.Row != nil {
			add("row"+suffix, slices.Clone(rows.Row.Value().Data().([]int32)))
			add("weight"+suffix, slices.Clone(rows.Weight.Value().Data().([]float64)))
		}
		if rows.Place != nil {
			add("place"+suffix, slices.Clone(rows.Place), rows.Scores.Shape()...)
		}
		if rows.Added != nil {
			add("added"+suffix, slices.Clone(s.reference.program.Value(rows.Added)), rows.Scores.Shape()...)
		}
	}
	return s.byScores(add)
}

// byScores adds the gradients by the scores of the statements that end them.
func (s *gradientCheck) byScores(add func(name string, data any, shape ...int)) error {
	if s.scored == nil {
		return nil
	}
	scores := make([]*gorgonia.Node, len(s.scored))
	for p, rows := range s.scored {
		scores[p] = rows.Scores
	}
	for _, by := range s.by {
		if by.name == Fused {
			continue
		}
		grads, err := graph.Grad(by.node, scores...)
		if err != nil {
			return err
		}
		p, err := s.b.Forward(grads...)
		if err != nil {
			return err
		}
		if err = p.Run(); err == nil {
			for i, g := range grads {
				add(fmt.Sprintf("gradient/%s/scores/%d", by.name, i), slices.Clone(p.Value(g)), g.Shape()...)
			}
		}
		if err := errors.Join(err, p.Close()); err != nil {
			return err
		}
	}
	return nil
}

func widened(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}
