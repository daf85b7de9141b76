package train

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
)

// oneStep returns the first weights of a run and those after one step, on the whole set,
// by plain gradient descent at a rate of learning of 0.5.
func oneStep(t *testing.T, set *data.Dataset, text string) (before, after [][]float32) {
	c := quick(text)
	c.Train.Epochs, c.Train.Batch, c.Train.Optimizer = 1, 10000, "sgd:lr=0.5"
	fresh, err := New(c, set)
	require.NoError(t, err)
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	return tables(fresh), tables(res.Trained)
}

// TestRegularizedStep: one step of a run with each kind of regularisation is that of the run
// without, but for what the formula says of each row of each table.
func TestRegularizedStep(t *testing.T) {
	set := small(t)
	const rate, dim = 0.5, 8
	pairs := float64(set.Train.Len())
	users, items := make([]float64, set.Users), make([]float64, set.Items)
	for u := range users {
		for _, i := range set.Train.ItemsOf(u) {
			users[u]++
			items[i]++
		}
	}
	constant := func(x float64) func(int) float64 { return func(int) float64 { return x } }
	for name, c := range map[string]struct {
		text string
		user func(r int) float64 // what the step moves row r of the users towards 0 by, of its length
		item func(r int) float64
	}{
		"l2":              {"l2: 0.01", constant(rate * 0.01), constant(rate * 0.01)},
		"l2 of a table":   {"l2: class=0.02", constant(0), constant(rate * 0.02)},
		"l2 of others":    {"l2: '0.02,class=0'", constant(rate * 0.02), constant(0)},
		"decay":           {"decay: 0.03", constant(rate * 0.03), constant(rate * 0.03)},
		"decay of tables": {"decay: 'user=0.03,class=0.01'", constant(rate * 0.03), constant(rate * 0.01)},
		"decay of what is read": {"decay: '0.03,on=batch'", func(r int) float64 {
			if users[r] == 0 {
				return 0
			}
			return rate * 0.03
		}, constant(rate * 0.03)}, // the gradient has all classes
		"l2 of what is read": {"l2: '2,on=batch'", func(r int) float64 { return rate * 2 * users[r] / pairs },
			func(r int) float64 { return rate * 2 * items[r] / pairs }},
		"l2 of what is read of one side": {"l2: 'class=3,on=batch'", constant(0), func(r int) float64 { return rate * 3 * items[r] / pairs }},
	} {
		for _, score := range []string{"dot", "cosine"} {
			t.Run(name+"/"+score, func(t *testing.T) {
				first, plain := oneStep(t, set, "{model: {score: "+score+"}, train: {task: pair}}")
				again, got := oneStep(t, set, "{model: {score: "+score+"}, train: {task: pair, "+c.text+"}}")
				require.Equal(t, first, again)
				for side, share := range []func(int) float64{c.user, c.item} {
					moved := false
					for i, w := range first[side] {
						want := float64(plain[side][i]) - share(i/dim)*float64(w)
						require.InDelta(t, want, got[side][i], 2e-7, "side %d, row %d", side, i/dim)
						moved = moved || got[side][i] != plain[side][i]
					}
					require.Equal(t, share(0)+share(1) > 0, moved)
				}
			})
		}
	}
}

// TestPenaltyOfDraws: with one draw for each pair, all that a step reads is users, positives
// and draws, each as often as it is read: the whole penalty of a step of rate 1/λ on weights
// without a gradient takes from the tables, together, what the reads say.
func TestPenaltyOfDraws(t *testing.T) {
	set := small(t)
	_, plain := oneStep(t, set, "{model: {score: dot}, train: {task: pair}, loss: bpr}")
	first, got := oneStep(t, set, "{model: {score: dot}, train: {task: pair, l2: '2,on=batch'}, loss: bpr}")
	const rate, lambda, dim = 0.5, 2, 8
	reads := [2]float64{}
	for side := range 2 {
		for r := range len(first[side]) / dim {
			// The row is scaled by the number of its reads, a whole one.
			num, den := 0.0, 0.0
			for i := r * dim; i < (r+1)*dim; i++ {
				num += float64(plain[side][i]-got[side][i]) * float64(first[side][i])
				den += float64(first[side][i]) * float64(first[side][i])
			}
			n := num / den * float64(set.Train.Len()) / (rate * lambda)
			require.InDelta(t, float64(int(n+0.5)), n, 0.02)
			reads[side] += float64(int(n + 0.5))
			if side == 0 {
				require.InDelta(t, float64(len(set.Train.ItemsOf(r))), n, 0.02)
			}
		}
	}
	require.Equal(t, [2]float64{float64(set.Train.Len()), 2 * float64(set.Train.Len())}, reads)
}

// TestL2ReachesAllRows: an L2 of all rows gives rows without a gradient one, so a lazy
// optimizer trains what a dense one does; an L2 of what a batch reads leaves the others
// alone.
func TestL2ReachesAllRows(t *testing.T) {
	set := small(t)
	run := func(optimizer, l2 string) [][]float32 {
		c := quick("{candidates: 'sampled:n=2', train: {epochs: 2, batch: 8}}")
		c.Train.Optimizer, c.Train.L2 = optimizer, l2
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		return tables(res.Trained)
	}
	require.NotEqual(t, run("adam:lr=0.05,mode=dense", ""), run("adam:lr=0.05", ""))
	require.Equal(t, run("adam:lr=0.05,mode=dense", "1e-3"), run("adam:lr=0.05", "1e-3"))
	require.NotEqual(t, run("adam:lr=0.05,mode=dense", "1e-3,on=batch"), run("adam:lr=0.05", "1e-3,on=batch"))
}

// TestLossWithoutPenalty: what a run tells as its loss is the loss, whatever the penalty.
func TestLossWithoutPenalty(t *testing.T) {
	set := small(t)
	run := func(text string) float64 {
		c := quick(text)
		c.Train.Epochs, c.Train.Batch = 1, 10000
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		return res.History[0].Loss
	}
	require.Equal(t, run(""), run("{train: {l2: '5,on=batch'}}"))
	require.Equal(t, run(""), run("{train: {l2: '5'}}"))
}

// TestDropoutOfEncodings: in a step about that share of the users' numbers has no gradient,
// the same in each run and others in the next step and at another seed; encodings outside
// training are the users' vectors.
func TestDropoutOfEncodings(t *testing.T) {
	set := small(t)
	still := func(seed string) (zeros []bool) {
		first, got := oneStep(t, set, "{model: {score: dot}, train: {dropout: 0.3, seed: "+seed+"}}")
		share := 0.0
		for i, w := range first[0] {
			zeros = append(zeros, w == got[0][i])
			if zeros[i] {
				share += 1 / float64(len(first[0]))
			}
		}
		require.InDelta(t, 0.3, share, 0.05)
		return zeros
	}
	require.Equal(t, still("1"), still("1"))
	require.NotEqual(t, still("1"), still("2"))
	_, whole := oneStep(t, set, "{model: {score: dot}}")
	first, _ := oneStep(t, set, "{model: {score: dot}}")
	for i, w := range first[0] {
		require.NotEqual(t, w, whole[0][i])
	}

	res, err := Run(t.Context(), quick("{train: {dropout: 0.3}}"), set, nil)
	require.NoError(t, err)
	h, err := res.Trained.Encode([]int32{3, 1})
	require.NoError(t, err)
	user := res.Trained.Tables()[0]
	require.Equal(t, slices.Concat(user.Row(3), user.Row(1)), h)
	plain, err := Run(t.Context(), quick(""), set, nil)
	require.NoError(t, err)
	require.NotEqual(t, tables(plain.Trained), tables(res.Trained))
}

// TestClip: a step whose gradient is longer than it may be goes as far in its direction as
// that, l2 comes on top, and a shorter one is left as it is, to the bit; what is said of an
// epoch is the length before, and the share of steps that were clipped.
func TestClip(t *testing.T) {
	set := small(t)
	for _, text := range []string{"", "candidates: 'sampled:n=4', ", "candidates: 'sampled:n=4,per=row', loss: bpr, "} {
		config := func(clip string) string { return "{" + text + "model: {score: dot}, train: {clip: " + clip + "}}" }
		first, plain := oneStep(t, set, config("0"))
		c := quick(config("0"))
		c.Train.Epochs, c.Train.Batch, c.Train.Optimizer = 1, 10000, "sgd:lr=0.5"
		res, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Zero(t, res.History[0].Clipped)
		norm, square := res.History[0].GradNorm, 0.0
		for side := range first {
			for i, w := range first[side] {
				g := float64(w-plain[side][i]) / 0.5
				square += g * g
			}
		}
		require.InEpsilon(t, square, norm*norm, 1e-4)

		c.Train.Clip = norm / 4
		res, err = Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.InEpsilon(t, norm, res.History[0].GradNorm, 1e-6)
		require.Equal(t, 1.0, res.History[0].Clipped)
		clipped := tables(res.Trained)
		c.Train.L2 = "0.01"
		res, err = Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		drawn := tables(res.Trained)
		for side := range first {
			for i, w := range first[side] {
				require.InDelta(t, float64(w)+float64(plain[side][i]-w)/4, clipped[side][i], 1e-7)
				require.InDelta(t, float64(clipped[side][i])-0.5*0.01*float64(w), drawn[side][i], 1e-7)
			}
		}
		c.Train.Clip, c.Train.L2 = 1.01*norm, ""
		res, err = Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		require.Equal(t, plain, tables(res.Trained))
		require.Zero(t, res.History[0].Clipped)
	}
	c := quick("")
	var norms []float64
	watch := func(e Event) {
		if s, ok := e.(*Stepped); ok {
			norms = append(norms, s.GradNorm)
		}
	}
	_, err := Run(t.Context(), c, set, watch)
	require.NoError(t, err)
	steps := len(norms)
	c.Train.Clip = slices.Sorted(slices.Values(norms))[steps/2]
	norms = nil
	res, err := Run(t.Context(), c, set, watch)
	shares := 0.0
	for _, n := range norms {
		if n > c.Train.Clip {
			shares += 1.0 / 5
		}
	}
	require.NoError(t, err)
	got := 0.0
	for _, e := range res.History {
		got += e.Clipped
	}
	require.InDelta(t, shares, got, 1e-9)
	require.Positive(t, shares)
	require.Less(t, shares, float64(steps)/5, "some steps are short enough")
}

// TestRegularizationFaults: what is not there is named, with what is, before anything is
// made.
func TestRegularizationFaults(t *testing.T) {
	set := small(t)
	for text, says := range map[string]string{
		"{train: {l2: users=1}}":                                           `train.l2=users=1: no "users" to draw to 0 (did you mean user?); the choices are user, class`,
		"{train: {decay: 'item=1'}, model: {bias: true}}":                  `train.decay=item=1: no "item" to draw to 0; the choices are user, class, class-bias`,
		"{train: {l2: 'user=1,on=batch'}}":                                 `no "user" to draw to 0; the choices are context, class`,
		"{train: {decay: 'context=1,on=batch'}}":                           `no "context" to draw to 0; the choices are user, class`,
		"{train: {l2: 'logit-scale=1'}, model: {temperature: learned}}":    `no "logit-scale" to draw to 0; the choices are user, class`,
		"{train: {l2: '1,on=batch'}, candidates: tree}":                    "the heads of which one is are all and sampled; class=0 leaves class vectors out",
		"{train: {l2: '1,on=batch'}, candidates: tree, loss: nosuch-loss}": "nosuch-loss",
	} {
		_, err := Run(t.Context(), quick(text), set, nil)
		require.ErrorContains(t, err, says, text)
		_, err = Estimate(quick(text), set)
		require.ErrorContains(t, err, says, text)
	}
	_, err := Run(t.Context(), quick("{train: {l2: '1,class=0,on=batch', epochs: 1}, candidates: tree}"), set, nil)
	require.NoError(t, err)
	for text, says := range map[string]string{
		"{train: {l2: -1}}":       "train.l2: -1 is outside [0,",
		"{train: {decay: some}}":  `train.decay: "some" is neither a number nor name=number`,
		"{train: {dropout: 1}}":   "train.dropout: 1 is above 0.99; want 0 to 0.99",
		"{train: {dropout: -.1}}": "train.dropout: -0.1 is below 0",
		"{train: {clip: -1}}":     "train.clip: -1 is below 0; want 0 to 3.4",
	} {
		require.ErrorContains(t, quick(text).Validate(), says, text)
	}
}

// TestFitRegularized: objects are regularised to the bits of the run that names them, and
// what Fit does not take is named.
func TestFitRegularized(t *testing.T) {
	set := small(t)
	c := quick("{train: {optimizer: 'adam:lr=0.05', l2: '1e-2,on=batch', decay: class=0.1, dropout: 0.2, clip: 0.05, epochs: 2}, model: {temperature: 0.2}}")
	want, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	fit := func(o FitOptions) (*Recommender, error) {
		kind, err := models.Parse("mf")
		require.NoError(t, err)
		s := models.Setting{Set: set, Dim: 8, Init: 0.1}
		m, err := kind.New(s)
		require.NoError(t, err)
		head, err := models.NewHead("all", models.HeadSetting{Setting: s, Score: models.Cosine, Temperature: 0.2})
		require.NoError(t, err)
		l, err := losses.Parse("softmax")
		require.NoError(t, err)
		x, err := planOf(t, c).Task.ExamplesOf(set)
		require.NoError(t, err)
		o.Epochs, o.Batch, o.Optimizer = 2, 32, "adam:lr=0.05"
		return Fit(t.Context(), m, head, l, x, set.Classes(), o)
	}
	var shares []float64
	got, err := fit(FitOptions{L2: "1e-2,on=batch", Decay: "class=0.1", Dropout: 0.2, Clip: 0.05, Observe: func(e *EpochDone) { shares = append(shares, e.Clipped) }})
	require.NoError(t, err)
	require.Positive(t, shares[0])
	for i, e := range want.History {
		require.InDelta(t, e.Clipped, shares[i], 1e-12)
	}
	require.Equal(t, tables(want.Trained), tables(got))
	for says, o := range map[string]FitOptions{
		"Dropout is 1; want 0 to 0.99": {Dropout: 1}, "Clip is NaN; want 0 to": {Clip: math.NaN()}, "fit: L2: -1 is outside": {L2: "-1"}, `fit: Decay: "x" is neither`: {Decay: "x"},
		`no "item" to draw`: {Decay: "item=1"},
	} {
		_, err := fit(o)
		require.ErrorContains(t, err, says)
	}
}
