package main

import (
	"math"

	"github.com/fenchel-ml/fenchel/models/sampler"
)

// evens draws an even class times as often as an odd one.
type evens struct{ classes, times int }

func init() {
	sampler.Register(sampler.Spec{
		Name: "own-evens", Doc: "even classes more often than odd ones", Source: "this module",
		Params: []sampler.Param{{Name: "times", Doc: "how much more often", Default: 2, Min: 1, Max: 100, Integer: true, Probe: []float64{3}}},
		Props:  sampler.Exact | sampler.FullSupport,
		Growth: sampler.GrowthConstant,
		Cost:   "O(1) a draw",
		Bytes:  func(sampler.Config, sampler.Values) sampler.Footprint { return sampler.Footprint{} },
		New: func(c sampler.Config, v sampler.Values) (sampler.Proposal, error) {
			return evens{c.C, v.Int("times")}, nil
		},
	})
}

func (e evens) Scratch(int) (floats, ints int) { return 0, 0 }

func (e evens) At(*sampler.RowState) error { return nil }

// total counts the places of all classes: times for an even one, one for an odd one.
func (e evens) total() int { return e.times*((e.classes+1)/2) + e.classes/2 }

func (e evens) Draw(ids []int32, logQ []float64, st *sampler.RowState) error {
	pair := e.times + 1
	for j := range ids {
		u := st.Rand.IntN(e.total())
		ids[j] = int32(u / pair * 2)
		if u%pair == e.times {
			ids[j]++
		}
	}
	st.Ops += int64(len(ids))
	e.LogQ(logQ, ids, st)
	return nil
}

func (e evens) LogQ(logQ []float64, ids []int32, _ *sampler.RowState) {
	for j := range logQ {
		i := int32(j)
		if ids != nil {
			i = ids[j]
		}
		places := 1
		if i%2 == 0 {
			places = e.times
		}
		logQ[j] = math.Log(float64(places) / float64(e.total()))
	}
}
