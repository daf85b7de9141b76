package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// Draws that cannot be are refused, and so is asking for their size.
func TestDrawsThatCannotBe(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 5, 8, 4, 1)
		shared := !p.props.Has(sampler.Adaptive)
		for _, c := range []struct {
			rows, k int
			shared  bool
			refused bool
			want    string
		}{
			{0, 1, shared, true, "1 draws for 0 rows"},
			{4, 0, shared, true, "0 draws for 4 rows"},
			{4, 6, shared, p.props.Has(sampler.Distinct), "6 distinct draws from C=5 classes"},
			{4, 1, true, p.props.Has(sampler.Adaptive), "cannot be shared by the batch"},
			{4, 1, false, p.props.Has(sampler.InBatch), "must be shared by the batch"},
		} {
			_, err := p.NewDraws(c.rows, c.k, c.shared)
			_, same := p.DrawsBytes(c.rows, c.k, c.shared, 1)
			require.Equal(t, err, same)
			if c.refused {
				require.ErrorContains(t, err, c.want)
			} else {
				require.NoError(t, err)
			}
		}
	})
}

// What does not fit is an error that names it, never a panic.
func TestBadInput(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	probes(t, func(t *testing.T, b sampler.Choice) {
		p := newProblem(t, b, 50, 8, 16, 8)
		adaptive := p.props.Has(sampler.Adaptive)
		for _, bad := range []float32{nan, inf, -inf} {
			good := p.batch.H[13*8+2]
			p.batch.H[13*8+2] = bad
			err := p.Draw(p.draws, p.batch)
			p.batch.H[13*8+2] = good
			if adaptive {
				require.ErrorContains(t, err, "row 13: entry 2 is ")
				require.ErrorContains(t, p.LogQ(make([]float64, 50), []float32{0, bad, 0, 0, 0, 0, 0, 0}, p.batch.W), "entry 1 is")
			} else {
				require.NoError(t, err)
			}
			W := append([]float32(nil), p.batch.W...)
			W[9] = bad
			_, err = p.Refresh(500, W)
			require.Equal(t, p.props.Has(sampler.Refreshes), err != nil)
		}
		require.NoError(t, p.Draw(p.draws, p.batch), "the old summary stands")

		huge := *p.batch
		huge.W = make([]float32, len(p.batch.W))
		for i := range huge.W {
			huge.W[i] = nan
		}
		if err := p.Draw(p.draws, &huge); err != nil { // or W is not read at all
			require.ErrorContains(t, err, "row 0: the scores of the classes")
		}

		for _, c := range []struct {
			want   string
			all    bool // not only samplers that read H and W
			change func(b *sampler.Batch)
		}{
			{"a batch of 15 rows for draws of 16", true, func(b *sampler.Batch) { b.Pos = b.Pos[:15] }},
			{"positive 3 is class 50, outside [0, 50)", true, func(b *sampler.Batch) { b.Pos = []int32{0, 1, 2, 50, 15: 0} }},
			{"positive 0 is class -2, outside [0, 50)", true, func(b *sampler.Batch) { b.Pos = []int32{-2, 15: 0} }},
			{"Ptr must run from 0 to the 16 positives", true, func(b *sampler.Batch) { b.Ptr = []int32{0, 3} }},
			{"Ptr decreases at row 1", true, func(b *sampler.Batch) { b.Ptr = []int32{0, 3, 2, 16} }},
			{"H has 8 numbers; 16 rows of width D=8 are 128", false, func(b *sampler.Batch) { b.H = b.H[:8] }},
			{"W has 0 numbers; C=50 classes of width D=8 are 400", false, func(b *sampler.Batch) { b.W = nil }},
		} {
			batch := *p.batch
			c.change(&batch)
			err := p.Draw(p.draws, &batch)
			if c.all || adaptive {
				require.ErrorContains(t, err, "sampler: "+b.String()+": "+c.want)
			} else {
				require.NoError(t, err)
			}
		}
		require.Error(t, p.LogQ(make([]float64, 49), p.batch.H[:8], p.batch.W))

		// Extremes that are finite: no panic, and log q of what was drawn is finite
		// unless it is an error.
		for i := range p.batch.H {
			p.batch.H[i] = 1e30
		}
		if err := p.Draw(p.draws, p.batch); err == nil {
			for _, lq := range p.draws.LogQ {
				require.False(t, math.IsNaN(float64(lq)) || math.IsInf(float64(lq), 0))
			}
		}
	})
}

// The text form round-trips, and its errors list the choices.
func TestParse(t *testing.T) {
	probes(t, func(t *testing.T, b sampler.Choice) {
		again, err := sampler.Parse(b.String())
		require.NoError(t, err)
		require.Equal(t, b, again)
	})
	_, err := sampler.Parse("zipf")
	require.ErrorContains(t, err, `unknown sampler "zipf"; the choices are dns, in-batch, `)
	_, err = sampler.Parse("popularity:gamma=1")
	require.EqualError(t, err, `sampler: popularity: no parameter "gamma"; the choices are beta, delta`)
	popularity, err := sampler.Parse("popularity")
	require.NoError(t, err)
	_, err = popularity.New(sampler.Config{C: 3})
	require.EqualError(t, err, "sampler: popularity: needs the counts of the classes, and there are none")
	_, err = popularity.New(sampler.Config{C: 0, D: -1, Counts: []float64{math.NaN()}})
	require.EqualError(t, err, "sampler: popularity: 0 classes: C is outside [1, 2147483647]\n"+
		"width D=-1 is negative\n1 counts for C=0 classes\ncount NaN of class 0 is not a finite number ≥ 0")
	exact, err := sampler.Parse("softmax-exact")
	require.NoError(t, err)
	_, err = exact.New(sampler.Config{C: 3})
	require.ErrorContains(t, err, "is adaptive and needs the width D ≥ 1, got 0")
}

// An incomplete or contradictory spec does not register.
func TestRegister(t *testing.T) {
	good := sampler.Spec{
		Name: "test-one", Doc: "d", Source: "s", Cost: "c", Growth: sampler.GrowthConstant,
		New: func(c sampler.Config, _ registry.Values) (sampler.Proposal, error) { return evenOdd(c.C), nil },
	}
	for _, change := range []func(*sampler.Spec){
		func(s *sampler.Spec) { s.Name = "Test One" },
		func(s *sampler.Spec) { s.Name = "uniform" },
		func(s *sampler.Spec) { s.Doc = "" },
		func(s *sampler.Spec) { s.New = nil },
		func(s *sampler.Spec) { s.Growth = 0 },
		func(s *sampler.Spec) { s.Props = sampler.Adaptive | sampler.InBatch },
		func(s *sampler.Spec) { s.Params = []registry.Param{{Name: "x"}} },
	} {
		s := good
		change(&s)
		require.Panics(t, func() { sampler.Register(s) })
	}
	// Declared Observes, but the proposal does not.
	good.Props = sampler.Observes
	require.Panics(t, func() {
		_, _ = sampler.Choice{Choice: registry.NewChoice(good.Name, &good, nil)}.New(sampler.Config{C: 2})
	})
}
