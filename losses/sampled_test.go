package losses_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// A sampledCase is one vector of testdata/sampled.json: a loss over a positive y
// and draws ids, of scores s or of the cosines of the rows of H and W.
type sampledCase struct {
	ID, Loss, Oracle string
	Params           map[string]any
	Input            struct {
		S, Q []float64
		H, W [][]float64
		Y    json.RawMessage
		IDs  json.RawMessage `json:"ids"`
	}
	Expect struct {
		Loss     float64
		GradS    []float64 `json:"grad_s"`
		MeanLoss *float64  `json:"mean_loss"`
		MeanGrad []float64 `json:"mean_grad"`
		VarGrad  []float64 `json:"var_grad"`
		BiasGrad []float64 `json:"bias_grad"`
		DH       [][]float64
		DW       [][]float64
	}
	RTol, ATol float64
}

func sampledCases(t *testing.T) []sampledCase {
	raw, err := os.ReadFile("testdata/sampled.json")
	require.NoError(t, err)
	var file struct{ Cases []sampledCase }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.NotEmpty(t, file.Cases)
	return file.Cases
}

// contrastSpecs say how the vectors' names and parameters are spelled here.
var contrastSpecs = map[string]struct{ name, params string }{
	"nce":         {"nce", "logZ=log-z"},
	"neg":         {"nce", ""},
	"bpr":         {"bpr", ""},
	"gbce":        {"gbce", "beta=beta"},
	"sl_excl_pos": {"sl", "tau=tau"},
	"sl_at_k":     {"sl-at-k", "tau=tau tau_w=tau-w beta=beta"},
	"psl":         {"psl", "act=act tau=tau tau_star=tau-star"},
	"bsl":         {"bsl", "tau1=tau1 tau2=tau2"},
}

// TestGoldenContrasts holds the losses over a positive and negatives, candidates
// in the order y, ids.
func TestGoldenContrasts(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range sampledCases(t) {
		spelling, ok := contrastSpecs[c.Loss]
		if !ok {
			continue // of TestGoldenSampled
		}
		seen[c.Loss] = true
		t.Run(c.ID, func(t *testing.T) {
			var settings []string
			if c.Loss == "sl_at_k" {
				settings = append(settings, "draws=0") // the vectors weigh the sum as it is
			}
			for pair := range strings.FieldsSeq(spelling.params) {
				from, to, _ := strings.Cut(pair, "=")
				settings = append(settings, fmt.Sprintf("%s=%v", to, c.Params[from]))
			}
			if c.Loss == "sl_at_k" {
				settings = append(settings, "k=0") // its threshold is given
			}
			text := spelling.name
			if len(settings) > 0 {
				text += ":" + strings.Join(settings, ",")
			}
			b, err := losses.Parse(text)
			require.NoError(t, err)
			if c.Input.H != nil {
				c.layer(t, b)
				return
			}
			var y int
			var ids []int
			require.NoError(t, json.Unmarshal(c.Input.Y, &y))
			require.NoError(t, json.Unmarshal(c.Input.IDs, &ids))
			shift := func(int) float64 { return 0 }
			if c.Loss == "nce" {
				shift = func(i int) float64 { return math.Log(float64(len(ids)) * c.Input.Q[i]) }
			}
			all := append([]int{y}, ids...)
			z := make([]float64, len(all))
			for j, i := range all {
				z[j] = c.Input.S[i] - shift(i)
			}
			loss, dz := rowOf(b, z)
			near(t, loss, c.Expect.Loss, c.RTol, c.ATol, "loss, "+c.Oracle)
			near(t, b.Ref(z, first), c.Expect.Loss, c.RTol, c.ATol, "Ref, "+c.Oracle)
			grad := make([]float64, len(c.Input.S))
			for j, i := range all {
				grad[i] += dz[j]
			}
			for i := range grad {
				near(t, grad[i], c.Expect.GradS[i], c.RTol, c.ATol, fmt.Sprintf("gradient %d, %s", i, c.Oracle))
			}
		})
	}
	require.Len(t, seen, len(contrastSpecs), "losses with vectors")
}

// first is the target of a row whose positive comes first.
var first = losses.Target[float64]{Pos: []int32{0}, Weight: []float64{1}}

func rowOf(b losses.Loss, z []float64) (float64, []float64) {
	dz := make([]float64, len(z))
	return b.Analytic.F64.Eval(dz, z, first, make([]float64, b.Analytic.F64.WorkLen(len(z)))), dz
}

func near(t *testing.T, got, want, rtol, atol float64, what string) {
	t.Helper()
	require.Truef(t, check.Near(got, want, rtol, atol), "%s: got %.17g, want %.17g", what, got, want)
}

// layer tests the mean loss of a batch of cosines.
func (c sampledCase) layer(t *testing.T, b losses.Loss) {
	var labels []int
	var ids [][]int
	require.NoError(t, json.Unmarshal(c.Input.Y, &labels))
	require.NoError(t, json.Unmarshal(c.Input.IDs, &ids))
	n := float64(len(labels))
	var mean float64
	dH, dW := zeros(c.Input.H), zeros(c.Input.W)
	for i, h := range c.Input.H {
		all := append([]int{labels[i]}, ids[i]...)
		z := make([]float64, len(all))
		for j, k := range all {
			z[j] = dot(h, c.Input.W[k]) / math.Sqrt(dot(h, h)*dot(c.Input.W[k], c.Input.W[k]))
		}
		loss, dz := rowOf(b, z)
		mean += loss / n
		for j, k := range all {
			w, g := c.Input.W[k], dz[j]/n
			lh, lw := math.Sqrt(dot(h, h)), math.Sqrt(dot(w, w))
			for d := range h { // ∂cos/∂h = (w/‖w‖ − cos·h/‖h‖)/‖h‖, and the same for w
				dH[i][d] += g * (w[d]/lw - z[j]*h[d]/lh) / lh
				dW[k][d] += g * (h[d]/lh - z[j]*w[d]/lw) / lw
			}
		}
	}
	near(t, mean, c.Expect.Loss, c.RTol, c.ATol, "loss, "+c.Oracle)
	require.Len(t, c.Expect.DH, len(dH))
	require.Len(t, c.Expect.DW, len(dW))
	for i := range dH {
		for d := range dH[i] {
			near(t, dH[i][d], c.Expect.DH[i][d], c.RTol, c.ATol, "dH, "+c.Oracle)
		}
	}
	for k := range dW {
		for d := range dW[k] {
			near(t, dW[k][d], c.Expect.DW[k][d], c.RTol, c.ATol, "dW, "+c.Oracle)
		}
	}
}

// TestContrastIdentities holds the limits that the literature names.
func TestContrastIdentities(t *testing.T) {
	parse := func(text string) losses.Loss {
		b, err := losses.Parse(text)
		require.NoError(t, err)
		return b
	}
	z := []float64{0.3, -0.2, 0.5, 0.1, -0.7}
	value := func(text string, z []float64) float64 {
		loss, _ := rowOf(parse(text), z)
		return loss
	}
	// log1p(e^{SL}) is the cross-entropy; BSL with equal temperatures is SL.
	near(t, math.Log1p(math.Exp(value("sl:tau=0.2", z))), value("softmax:tau=0.2", z), 1e-12, 0, "softmax from sl")
	near(t, value("bsl:tau1=0.2,tau2=0.2", z), value("sl:tau=0.2", z), 1e-14, 0, "sl from bsl")
	// τ_w → ∞ gives SL/2.
	near(t, value("sl-at-k:tau=0.2,tau-w=100,k=0,draws=0", z), value("sl:tau=0.2", z)/2, 2e-3, 0, "sl/2")
	// β = 1 gives BCE over K; log Z₀ = 0 gives BCE.
	near(t, value("gbce", z), value("bce", z)/5, 1e-14, 0, "bce from gbce")
	near(t, value("nce", z), value("bce", z), 1e-14, 0, "bce from nce")
	// With one negative bpr is the logistic loss, with softmax weights too.
	near(t, value("bpr", z[:2]), math.Log1p(math.Exp(-0.5)), 1e-14, 0, "bpr")
	near(t, value("bpr:weights=softmax", z[:2]), math.Log1p(math.Exp(-0.5)), 1e-14, 0, "wbpr")
	// relu with τ* = 1 is log Σ [1 + d/τ]_+: with the positive's own 1, rankmax of
	// margin τ, −log of which is what is left.
	near(t, math.Log1p(math.Exp(value("psl:act=relu,tau=2.5,tau-star=1", z))), value("rankmax:margin=2.5", z), 1e-12, 0, "rankmax from psl")
}

// sampledRow is a batch of rows that share scores and a positive and differ in
// their draws, under graph.SampledLoss at float64.
type sampledRow struct {
	loss []float64   // [rows]
	grad [][]float64 // [rows][C], duplicates added up
}

// runSampled returns the losses and gradients by the scores s [C] of the
// positive y with draws ids[i] of row i.
func runSampled(t *testing.T, text string, s []float64, y int, ids [][]int, logQ []float64, c graph.Correction, drop bool) sampledRow {
	b, err := losses.Parse(text)
	require.NoError(t, err)
	rows, k := len(ids), len(ids[0])
	g := graph.NewBuilder[float64]()
	pos, neg := make([]float64, rows), make([]float64, rows*k)
	in := graph.Sampled{Correction: c, DropHits: drop, Classes: len(s)}
	var id []int32
	var lq, plq []float64
	in.IDs, id = g.IndexMatrix("ids", rows, k)
	in.LogQ, lq = g.Input("logq", rows, k)
	in.PosLogQ, plq = g.Input("poslogq", rows)
	label, labels := g.Indices("y", rows)
	for i := range rows {
		pos[i], labels[i] = s[y], int32(y)
		if logQ != nil {
			plq[i] = logQ[y]
		}
		for j, m := range ids[i] {
			neg[i*k+j], id[i*k+j] = s[m], int32(m)
			if logQ != nil {
				lq[i*k+j] = logQ[m]
			}
		}
	}
	in.Pos, in.Neg = g.Param("pos", pos, rows), g.Param("neg", neg, rows, k)
	tg, err := graph.LabelTargets(label)
	require.NoError(t, err)
	loss, err := graph.SampledLoss(b.Analytic, in, tg)
	require.NoError(t, err)
	cost, err := graph.Sum(loss)
	require.NoError(t, err)
	train, err := g.Train(cost)
	require.NoError(t, err)
	defer train.Close()
	eval, err := g.Eval(loss)
	require.NoError(t, err)
	defer eval.Close()
	require.NoError(t, train.Run())
	require.NoError(t, eval.Run())
	out := sampledRow{loss: eval.Value(loss)}
	dp, dn := train.Grad(in.Pos).Data, train.Grad(in.Neg).Data
	for i := range rows {
		row := make([]float64, len(s))
		row[y] = dp[i]
		for j, m := range ids[i] {
			row[m] += dn[i*k+j]
		}
		out.grad = append(out.grad, row)
	}
	return out
}

// sampledVariants say which correction and hits a variant of sampled softmax has.
var sampledVariants = map[string]struct {
	correction graph.Correction
	drop       bool
}{
	"ssm:ranking_nce":           {graph.CorrectLogQ, false},
	"ssm:ranking_nce_nohits":    {graph.CorrectLogQ, true},
	"ssm:infonce":               {graph.Uncorrected, false},
	"ssm:importance":            {graph.CorrectImportance, true},
	"ssm:tf_log_uniform_unique": {graph.CorrectLogQ, true},
}

// TestGoldenSampled holds the variants of sampled softmax.
func TestGoldenSampled(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range sampledCases(t) {
		v, ok := sampledVariants[c.Loss]
		if !ok {
			continue
		}
		seen[c.Loss] = true
		t.Run(c.ID, func(t *testing.T) {
			var y int
			var ids []int
			require.NoError(t, json.Unmarshal(c.Input.Y, &y))
			require.NoError(t, json.Unmarshal(c.Input.IDs, &ids))
			n := len(c.Input.S)
			logQ := make([]float64, n)
			for i := range logQ {
				if c.Input.Q != nil {
					logQ[i] = math.Log(c.Input.Q[i])
					continue
				}
				// log-uniform, expected count of the tries
				q := math.Log(float64(i+2)/float64(i+1)) / math.Log(float64(n+1))
				logQ[i] = math.Log(-math.Expm1(c.Params["num_tries"].(float64) * math.Log1p(-q)))
			}
			// The vectors correct scores that τ has divided.
			text, tau := "softmax", 1.0
			if p, ok := c.Params["tau"]; ok {
				tau = p.(float64)
			}
			s := make([]float64, n)
			for i := range s {
				s[i] = c.Input.S[i] / tau
			}
			got := runSampled(t, text, s, y, [][]int{ids}, logQ, v.correction, v.drop)
			near(t, got.loss[0], c.Expect.Loss, c.RTol, c.ATol, "loss, "+c.Oracle)
			for i, g := range got.grad[0] {
				near(t, g/tau, c.Expect.GradS[i], c.RTol, c.ATol, fmt.Sprintf("gradient %d, %s", i, c.Oracle))
			}
		})
	}
	require.Len(t, seen, len(sampledVariants), "variants with vectors")
}

// tuples lists every tuple of k classes of c.
func tuples(c, k int) [][]int {
	all := [][]int{{}}
	for range k {
		var longer [][]int
		for _, t := range all {
			for i := range c {
				longer = append(longer, append(append([]int{}, t...), i))
			}
		}
		all = longer
	}
	return all
}

// moments are exact over all tuples of draws that do not hit y, if without, else
// over all.
type moments struct {
	loss       float64
	mean, vari []float64 // of the gradient by each score
}

func enumerate(t *testing.T, text string, s []float64, y, k int, q []float64, c graph.Correction, drop, without bool) moments {
	var ids [][]int
	var weight []float64
	logQ := make([]float64, len(q))
	for i := range q {
		logQ[i] = math.Log(q[i])
	}
	for _, tuple := range tuples(len(s), k) {
		w := 1.0
		for _, i := range tuple {
			if p := q[i]; without && i == y {
				w = 0
			} else if without {
				w *= p / (1 - q[y])
			} else {
				w *= p
			}
		}
		if w > 0 {
			ids, weight = append(ids, tuple), append(weight, w)
		}
	}
	got := runSampled(t, text, s, y, ids, logQ, c, drop)
	m := moments{mean: make([]float64, len(s)), vari: make([]float64, len(s))}
	for r, w := range weight {
		m.loss += w * got.loss[r]
		for i, g := range got.grad[r] {
			m.mean[i] += w * g
			m.vari[i] += w * g * g
		}
	}
	for i := range m.vari {
		m.vari[i] -= m.mean[i] * m.mean[i]
	}
	return m
}

// full returns softmax, its loss and its gradient.
func full(s []float64, y int) (p []float64, loss float64, grad []float64) {
	b, err := losses.Parse("softmax")
	if err != nil {
		panic(err)
	}
	p = make([]float64, len(s))
	b.Predict(p, s)
	grad = append([]float64{}, p...)
	grad[y]--
	return p, -math.Log(p[y]), grad
}

// TestGoldenExpectations holds mean, variance and bias over all draws.
func TestGoldenExpectations(t *testing.T) {
	n := 0
	for _, c := range sampledCases(t) {
		name, ok := strings.CutPrefix(c.Loss, "expect:")
		if !ok {
			continue
		}
		n++
		v := sampledVariants[name]
		var y int
		require.NoError(t, json.Unmarshal(c.Input.Y, &y))
		m := enumerate(t, "softmax", c.Input.S, y, int(c.Params["k"].(float64)), c.Input.Q, v.correction, v.drop, v.correction == graph.CorrectImportance)
		_, _, grad := full(c.Input.S, y)
		for i := range m.mean {
			near(t, m.mean[i], c.Expect.MeanGrad[i], c.RTol, c.ATol, "mean, "+c.Oracle)
			near(t, m.mean[i]-grad[i], c.Expect.BiasGrad[i], c.RTol, c.ATol, "bias, "+c.Oracle)
			if c.Expect.VarGrad != nil {
				near(t, m.vari[i], c.Expect.VarGrad[i], c.RTol, c.ATol, "variance, "+c.Oracle)
			}
		}
		if c.Expect.MeanLoss != nil {
			near(t, m.loss, *c.Expect.MeanLoss, c.RTol, c.ATol, "mean loss, "+c.Oracle)
		}
	}
	require.Equal(t, 2, n)
}

// TestMany holds the losses that take several positives at once against one row
// for each, masks, extremes and an empty list of negatives included.
func TestMany(t *testing.T) {
	found := 0
	for _, spec := range losses.All() {
		for _, b := range spec.Probes() {
			many, ok := graph.SharedNegativesOf(b.Analytic.F64)
			many32, ok32 := graph.SharedNegativesOf(b.Analytic.F32)
			require.Equal(t, ok, ok32)
			if !ok {
				continue
			}
			found++
			inf := math.Inf(-1)
			for _, neg := range [][]float64{{}, {inf}, {0.3}, {0.3, inf, -2, 1.5}, {30, -40, 31, 0}, {-800, -900}} {
				pos, weight := []float64{0.5, -3, 29, 60, -750}, []float64{0.1, 0.2, 0.3, 0.25, 0.15}
				wantPos, wantNeg, want := make([]float64, 5), make([]float64, len(neg)), 0.0
				for i := range pos {
					loss, dz := rowOf(b, append([]float64{pos[i]}, neg...))
					want += weight[i] * loss
					wantPos[i] = weight[i] * dz[0]
					for j := range neg {
						wantNeg[j] += weight[i] * dz[1+j]
					}
				}
				dpos, dneg := []float64{7, 7, 7, 7, 7}, make([]float64, len(neg))
				near(t, many.EvalShared(dpos, dneg, pos, neg, weight), want, 1e-12, 1e-12, b.String())
				for i := range dpos {
					near(t, dpos[i], wantPos[i], 1e-12, 1e-14, b.String()+" dpos")
				}
				for j := range dneg {
					near(t, dneg[j], wantNeg[j], 1e-12, 1e-14, b.String()+" dneg")
				}
				n32, p32, w32 := make([]float32, len(neg)), make([]float32, 5), make([]float32, 5)
				for j := range neg {
					n32[j] = float32(neg[j])
				}
				for i := range pos {
					p32[i], w32[i] = float32(pos[i]), float32(weight[i])
				}
				near(t, float64(many32.EvalShared(make([]float32, 5), make([]float32, len(neg)), p32, n32, w32)), want, 1e-5, 1e-5, b.String())
			}
			for _, bad := range []float64{math.NaN(), math.Inf(1)} {
				loss := many.EvalShared(make([]float64, 1), make([]float64, 2), []float64{1}, []float64{0, bad}, []float64{1})
				require.True(t, math.IsNaN(loss), "%s: negative %g gives %g", b, bad, loss)
			}
		}
	}
	require.GreaterOrEqual(t, found, 8)
}
