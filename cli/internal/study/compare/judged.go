package compare

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/train"
)

// judged returns how many examples the reported means are over: the same ones for all
// variants, each without the same items. Tasks differ there where something has happened
// again, which is an event in the order of time and no pair of a user and an item: that is an
// error, because ranks would be answers to different questions.
func (p *comparison) judged() (int, error) {
	split, _ := split(p.set)
	type found struct {
		task, variant string
		of            *data.Examples
	}
	var all []found
	for i, v := range p.variants {
		for _, point := range p.grids[i] {
			cfg, err := p.with(v, point, p.Seeds[0])
			if err != nil {
				return 0, err
			}
			plan, err := cfg.Plan()
			if err != nil {
				return 0, err
			}
			task := plan.Task.String() // "" of a solver that has none
			if slices.ContainsFunc(all, func(f found) bool { return f.task == task }) {
				continue
			}
			e, err := plan.Evaluation(p.set, split, plan.Metrics)
			if err != nil {
				return 0, err
			}
			all = append(all, found{task, v.Name, e.Examples})
			if first := all[0]; len(all) > 1 {
				same, err := alike(first.of, e.Examples)
				if err != nil {
					return 0, err
				}
				if !same {
					return 0, fmt.Errorf("compare: %s by task %s and %s by task %s are not measured alike on %s: what happens again is an event in the order of time, and no pair of a user and an item, "+
						"so that other items are relevant or left out; name one task for all, such as train.task=last (--task last)",
						first.variant, first.task, v.Name, task, split)
				}
			}
		}
	}
	n := 0
	for i := 0; len(all) > 0 && i < all[0].of.Len(); i++ {
		if len(all[0].of.Targets.Row(i)) > 0 {
			n++
		}
	}
	return n, nil
}

// alike reports whether two lists of examples are of the same users, one after the other, with
// the same relevant classes, and leave out the same ones.
func alike(a, b *data.Examples) (bool, error) {
	if a.Len() != b.Len() {
		return false, nil
	}
	userA, seenA, err := of(a)
	if err != nil {
		return false, err
	}
	userB, seenB, err := of(b)
	if err != nil {
		return false, err
	}
	for i := range a.Len() {
		if userA(i) != userB(i) || !slices.Equal(a.Targets.Row(i), b.Targets.Row(i)) || !slices.Equal(seenA(i), seenB(i)) {
			return false, nil
		}
	}
	return true, nil
}

// of returns who an example is of, and what its ranking leaves out, ascending.
func of(e *data.Examples) (user func(i int) int32, seen func(i int) []int32, err error) {
	user = func(i int) int32 { return e.Row[i] }
	if f, err := e.Context.Field("user"); err == nil { // else rows are all that there is
		user = func(i int) int32 { return f.One(int(e.Row[i])) }
	}
	if e.Seen == "" {
		return user, func(int) []int32 { return nil }, nil
	}
	f, err := e.Context.Field(e.Seen)
	if err != nil {
		return nil, nil, err
	}
	if f.ID == nil && f.Lo == nil { // the row itself
		return user, func(i int) []int32 { return []int32{e.Row[i]} }, nil
	}
	return user, func(i int) []int32 {
		ids, _ := f.Row(int(e.Row[i]))
		if slices.IsSorted(ids) {
			return ids
		}
		return slices.Compact(slices.Sorted(slices.Values(ids)))
	}, nil
}

// how is how a model is trained, as its configuration says: the settings that models have
// defaults of their own for.
func how(cfg train.Config) [][2]string {
	m, t := cfg.Model, cfg.Train
	rows := fmt.Sprintf("%d rows", t.Batch)
	if t.Positions > 0 {
		rows = fmt.Sprintf("%d positions", t.Positions)
	}
	epochs := fmt.Sprint(t.Epochs)
	if t.StopsEarly() {
		epochs = fmt.Sprintf("%d, fewer after %d without a better value on valid", t.Epochs, *t.Patience)
	}
	return [][2]string{
		{"task", t.Task}, {"scores", m.Score}, {"temperature", m.Temperature}, {"first weights", fmt.Sprint(m.Init)}, {"solver", t.Solver},
		{"optimizer", t.Optimizer}, {"a step", rows}, {"epochs", epochs},
	}
}
