package samplertest

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// skewed is the law whose class 0 is drawn half of the time and the others in the rest.
type skewed struct{ c int }

func (s skewed) Scratch(int) (floats, ints int) { return 0, 0 }

func (s skewed) At(*sampler.RowState) error { return nil }

func (s skewed) Draw(ids []int32, logQ []float64, st *sampler.RowState) error {
	for j := range ids {
		if ids[j] = 0; s.c > 1 && st.Rand.IntN(2) > 0 {
			ids[j] = int32(1 + st.Rand.IntN(s.c-1))
		}
		st.Ops += 2
	}
	s.LogQ(logQ, ids, st)
	return nil
}

func (s skewed) LogQ(logQ []float64, ids []int32, _ *sampler.RowState) {
	for j := range logQ {
		i := int32(j)
		if ids != nil {
			i = ids[j]
		}
		switch {
		case s.c == 1:
			logQ[j] = 0
		case i == 0:
			logQ[j] = math.Log(0.5)
		default:
			logQ[j] = math.Log(0.5 / float64(s.c-1))
		}
	}
}

func spec(of func(c sampler.Config) sampler.Proposal) *sampler.Spec {
	return &sampler.Spec{
		Name: "skewed", Doc: "class 0 half of the time", Source: "this test", Cost: "O(1) a draw",
		Props: sampler.Exact | sampler.FullSupport, Growth: sampler.GrowthConstant,
		Bytes: func(sampler.Config, sampler.Values) sampler.Footprint { return sampler.Footprint{} },
		New:   func(c sampler.Config, _ sampler.Values) (sampler.Proposal, error) { return of(c), nil },
	}
}

// planted is skewed with a mistake in its draws, its log q or both.
type planted struct {
	skewed
	draw func(ids []int32, logQ []float64, st *sampler.RowState)
	logQ func(logQ []float64, ids []int32)
}

func (p planted) Draw(ids []int32, logQ []float64, st *sampler.RowState) error {
	err := p.skewed.Draw(ids, logQ, st)
	if p.draw != nil {
		p.draw(ids, logQ, st)
	}
	return err
}

func (p planted) LogQ(logQ []float64, ids []int32, st *sampler.RowState) {
	p.skewed.LogQ(logQ, ids, st)
	if p.logQ != nil {
		p.logQ(logQ, ids)
	}
}

// memory is skewed with a state that its draws depend on and that SetState loses.
type memory struct {
	skewed
	steps []int64
	lost  bool
}

func (m *memory) Observe([]int32) { m.steps[0]++ }

func (m *memory) State() []graph.Array { return []graph.Array{{Name: "steps", Data: m.steps}} }

func (m *memory) SetState(state []graph.Array) error {
	x := state[0].Data.([]int64)
	if len(x) != 1 {
		return errors.New("steps is one number")
	}
	if !m.lost {
		m.steps = x
	}
	return nil
}

func (m *memory) Draw(ids []int32, logQ []float64, st *sampler.RowState) error {
	for range m.steps[0] % 3 {
		st.Rand.IntN(2)
	}
	return m.skewed.Draw(ids, logQ, st)
}

// TestRightSamplersPass: what the mistakes are planted in has none.
func TestRightSamplersPass(t *testing.T) {
	require.NoError(t, Check(spec(func(c sampler.Config) sampler.Proposal { return skewed{c.C} }), true))
	s := spec(func(c sampler.Config) sampler.Proposal { return &memory{skewed: skewed{c.C}, steps: make([]int64, 1)} })
	s.Props |= sampler.Observes
	require.NoError(t, Check(s, true))
}

// kept holds what a draw must not make.
var kept []int32

// TestPlantedMistakes: each mistake is found, by the checks that it is for.
func TestPlantedMistakes(t *testing.T) {
	plant := func(f func(p *planted)) *sampler.Spec {
		return spec(func(c sampler.Config) sampler.Proposal {
			p := planted{skewed: skewed{c.C}}
			f(&p)
			return p
		})
	}
	declare := func(f func(s *sampler.Spec)) *sampler.Spec {
		s := spec(func(c sampler.Config) sampler.Proposal { return skewed{c.C} })
		f(s)
		return s
	}
	shared := 0
	for name, c := range map[string]struct {
		spec   *sampler.Spec
		checks []string
	}{
		"log q of another law": {plant(func(p *planted) {
			p.logQ = func(logQ []float64, _ []int32) {
				for j := range logQ {
					logQ[j] = -math.Log(float64(p.c))
				}
			}
		}), []string{"exact", "log-q"}},
		"log q that does not sum to 1": {plant(func(p *planted) { p.logQ = func(logQ []float64, _ []int32) { logQ[0] += 1e-3 } }), []string{"exact", "log-q"}},
		"draws without log q":          {plant(func(p *planted) { p.draw = func(_ []int32, logQ []float64, _ *sampler.RowState) { clear(logQ) } }), []string{"log-q"}},
		"NaN":                          {plant(func(p *planted) { p.logQ = func(logQ []float64, _ []int32) { logQ[0] = math.NaN() } }), []string{"full-support"}},
		"a class that does not exist": {plant(func(p *planted) {
			p.draw = func(ids []int32, _ []float64, _ *sampler.RowState) { ids[len(ids)-1] = int32(p.c) }
		}), []string{"exact", "distinct", "determinism"}},
		"panic": {plant(func(p *planted) { p.draw = func(ids []int32, _ []float64, _ *sampler.RowState) { _ = ids[len(ids)] } }), []string{"exact", "edges"}},
		"draws of an order of calls": {plant(func(p *planted) {
			p.draw = func(ids []int32, logQ []float64, st *sampler.RowState) {
				shared++
				ids[0] = int32(shared % p.c)
				p.skewed.LogQ(logQ, ids, st)
			}
		}), []string{"exact", "determinism"}},
		"the same draws every step": {plant(func(p *planted) {
			p.draw = func(ids []int32, logQ []float64, st *sampler.RowState) {
				for j := range ids {
					ids[j] = int32(j % p.c)
				}
				p.skewed.LogQ(logQ, ids, st)
			}
		}), []string{"exact", "determinism: the next step draws the same"}},
		"allocation": {plant(func(p *planted) {
			p.draw = func(ids []int32, _ []float64, _ *sampler.RowState) { kept = append([]int32(nil), ids...) }
		}), []string{"allocation: a step allocates"}},
		"a draw that looks at all": {plant(func(p *planted) { p.draw = func(_ []int32, _ []float64, st *sampler.RowState) { st.Ops += int64(p.c) } }), []string{"growth"}},
		"no operations":            {plant(func(p *planted) { p.draw = func(_ []int32, _ []float64, st *sampler.RowState) { st.Ops = 0 } }), []string{"growth"}},
		"a table that is not said": {spec(func(c sampler.Config) sampler.Proposal {
			table := make([]float64, c.C)
			return planted{skewed: skewed{c.C}, logQ: func(logQ []float64, _ []int32) { logQ[0] += table[0] }}
		}), []string{"bytes: bytes kept"}},
		"a table that is not there": {declare(func(s *sampler.Spec) {
			s.Bytes = func(c sampler.Config, _ sampler.Values) sampler.Footprint {
				return sampler.Footprint{Kept: 8 * int64(c.C)}
			}
		}), []string{"bytes: bytes kept"}},
		"exact, not declared":        {declare(func(s *sampler.Spec) { s.Props &^= sampler.Exact }), []string{"exact: exact is declared or not"}},
		"full support, not declared": {declare(func(s *sampler.Spec) { s.Props &^= sampler.FullSupport }), []string{"full-support: full-support is declared or not"}},
		"distinct, declared":         {declare(func(s *sampler.Spec) { s.Props |= sampler.Distinct }), []string{"distinct: distinct is declared or not"}},
		"adaptive, declared":         {declare(func(s *sampler.Spec) { s.Props |= sampler.Adaptive }), []string{"adaptive: adaptive is declared or not"}},
		"in-batch, declared":         {declare(func(s *sampler.Spec) { s.Props |= sampler.InBatch }), []string{"in-batch: draw 0 is class 0 and From row 0, whose positive is class 20"}},
		"observes, declared":         {declare(func(s *sampler.Spec) { s.Props |= sampler.Observes }), []string{"exact: panic: "}},
		"linear, declared":           {declare(func(s *sampler.Spec) { s.Growth = sampler.GrowthLinear }), []string{"growth"}},
		"a state that is lost": {func() *sampler.Spec {
			s := spec(func(c sampler.Config) sampler.Proposal {
				return &memory{skewed: skewed{c.C}, steps: make([]int64, 1), lost: true}
			})
			s.Props |= sampler.Observes
			return s
		}(), []string{"state: draws from step 1 on"}},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(c.spec, true)
			require.Error(t, err)
			for _, check := range c.checks {
				require.Regexp(t, "(?m)^skewed/"+check, err.Error())
			}
		})
	}
}

// A sampler passes, and the same sampler with a wrong declaration does not.
func Example() {
	uniform, _ := sampler.Lookup("uniform")
	fmt.Println(Check(uniform, true))
	wrong := *uniform
	wrong.Growth = sampler.GrowthLinear
	fmt.Println(strings.Split(Check(&wrong, true).Error(), "\n")[0])
	// Output:
	// <nil>
	// uniform/growth: operations at 4 times the classes, of a sampler declared O(C): 1 is not above 2
}
