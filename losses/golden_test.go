package losses_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
	"github.com/fenchel-ml/fenchel/losses"
)

// A goldenCase is one vector of testdata/golden.json: float64 numbers printed by
// an independent program, which it names as its oracle.
type goldenCase struct {
	ID, Loss, Oracle string
	Params           map[string]float64
	Input            struct {
		S, Cos []float64
		Y      json.RawMessage // one label, or one a row
		T      []float64
		H, W   [][]float64
		B      []float64
		IDs    [][]int `json:"ids"`
	}
	Expect struct {
		Loss    float64
		GradS   []float64 `json:"grad_s"`
		GradCos []float64 `json:"grad_cos"`
		Pred    []float64
		DH      [][]float64 `json:"dH"`
		DW      [][]float64 `json:"dW"`
		DB      []float64   `json:"db"`
	}
	RTol, ATol float64
}

// goldenSpecs say how the vectors' names and parameters are spelled here.
var goldenSpecs = map[string]struct{ name, params string }{
	"softmax_ce":        {"softmax", "tau=tau label_smoothing=smoothing"},
	"softmax_fy":        {"softmax", "tau=tau"},
	"sparsemax":         {"sparsemax", ""},
	"entmax":            {"entmax", "alpha=alpha"},
	"normmax":           {"normmax", "alpha=alpha"},
	"rankmax":           {"rankmax", ""},
	"spherical_softmax": {"spherical", "eps=eps"},
	"taylor_softmax":    {"taylor", "order=order"},
	"z_loss":            {"z-loss", "a=a b=b"},
	"rg2":               {"rg2", ""},
	"rgx":               {"rgx", "beta=beta"},
	"squared":           {"squared", ""},
	"perceptron":        {"perceptron", ""},
	"bce_ova":           {"bce", ""},
	"am_softmax":        {"am-softmax", "scale=scale margin=margin"},
	"arcface":           {"arcface", "scale=scale margin=margin"},
	"cosine_softmax":    {"cosine", "tau=tau"},
	"ccl":               {"ccl", "margin=margin neg_weight=weight"},
}

func TestGolden(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var file struct{ Cases []goldenCase }
	require.NoError(t, json.Unmarshal(raw, &file))
	require.Len(t, file.Cases, 121)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) { c.test(t) })
	}
}

func (c goldenCase) test(t *testing.T) {
	id := strings.TrimPrefix(c.Loss, "linear:")
	spelling, ok := goldenSpecs[id]
	require.Truef(t, ok, "no loss for %q", c.Loss)
	var settings []string
	for pair := range strings.FieldsSeq(spelling.params) {
		from, to, _ := strings.Cut(pair, "=")
		settings = append(settings, fmt.Sprintf("%s=%v", to, c.Params[from]))
	}
	multiHot := id == "bce_ova" && c.Input.T != nil // its t counts each positive as 1
	if spec, err := losses.Lookup(spelling.name); err == nil && slices.ContainsFunc(spec.Params, func(p losses.Param) bool { return p.Name == "labels" }) {
		settings = append(settings, "labels="+map[bool]string{true: "hot", false: "mean"}[multiHot])
	}
	b, err := losses.Parse(spelling.name + ":" + strings.Join(settings, ","))
	if len(settings) == 0 {
		b, err = losses.Parse(spelling.name)
	}
	require.NoError(t, err)
	if c.Input.H != nil {
		c.layer(t, b)
		return
	}

	z, grad := c.Input.S, c.Expect.GradS
	if z == nil {
		z, grad = c.Input.Cos, c.Expect.GradCos
	}
	var target losses.Target[float64]
	if c.Input.T == nil {
		var y int32
		require.NoError(t, json.Unmarshal(c.Input.Y, &y))
		target = losses.Target[float64]{Pos: []int32{y}, Weight: []float64{1}}
	}
	for k, w := range c.Input.T {
		if w > 0 {
			target.Pos, target.Weight = append(target.Pos, int32(k)), append(target.Weight, w)
		}
	}
	if multiHot {
		for i := range target.Weight {
			target.Weight[i] = 1 / float64(len(target.Weight))
		}
	}
	// softmax_fy is the Fenchel–Young value τKL(t‖p) = τ(ℓ + Σ t log t), and its
	// gradient p − t.
	factor, constant := 1.0, 0.0
	if id == "softmax_fy" {
		factor = c.Params["tau"]
		for _, w := range target.Weight {
			constant += factor * w * math.Log(w)
		}
	}
	near := func(got, want, tol float64, what string) {
		t.Helper()
		rtol, atol := c.RTol, c.ATol
		if tol > 0 {
			rtol, atol = tol, tol
		}
		require.Truef(t, check.Near(got, want, rtol, atol), "%s: %.17g, %s says %.17g", what, got, c.Oracle, want)
	}
	k := len(z)
	dz := make([]float64, k)
	near(factor*b.Analytic.F64.Eval(dz, z, target, make([]float64, b.Analytic.F64.WorkLen(k)))+constant, c.Expect.Loss, 0, "loss")
	near(factor*b.Ref(z, target)+constant, c.Expect.Loss, 0, "Ref")
	require.Len(t, grad, k)
	for j := range dz {
		near(factor*dz[j], grad[j], 0, fmt.Sprintf("gradient %d", j))
	}
	if c.Expect.Pred != nil && id != "rankmax" { // rankmax's map depends on the label
		p := make([]float64, k)
		require.True(t, b.Predict(p, z))
		for j := range p {
			near(p[j], c.Expect.Pred[j], 0, fmt.Sprintf("probability %d", j))
		}
	}

	z32, d32, t32 := make([]float32, k), make([]float32, k), losses.Target[float32]{Pos: target.Pos}
	for j := range z {
		z32[j] = float32(z[j])
	}
	for _, w := range target.Weight {
		t32.Weight = append(t32.Weight, float32(w))
	}
	near(factor*float64(b.Analytic.F32.Eval(d32, z32, t32, make([]float32, b.Analytic.F32.WorkLen(k))))+constant, c.Expect.Loss, 1e-5, "float32 loss")
	for j := range d32 {
		near(factor*float64(d32[j]), grad[j], 1e-5, fmt.Sprintf("float32 gradient %d", j))
	}
}

// layer tests the mean loss of a batch whose scores are H Wᵀ + b or, where the
// loss takes cosines, the cosines of the rows of H and W; with ids, row i has its
// label and ids[i] as candidates.
func (c goldenCase) layer(t *testing.T, b losses.Loss) {
	var labels []int
	require.NoError(t, json.Unmarshal(c.Input.Y, &labels))
	cosine := b.Spec.Domain == losses.Cosines
	n := float64(len(labels))
	var mean float64
	dH, dW, dB := zeros(c.Input.H), zeros(c.Input.W), make([]float64, len(c.Input.W))
	for i, h := range c.Input.H {
		ids, at := make([]int, len(c.Input.W)), labels[i]
		for k := range ids {
			ids[k] = k
		}
		if c.Input.IDs != nil {
			ids, at = append([]int{labels[i]}, c.Input.IDs[i]...), 0
		}
		z := make([]float64, len(ids))
		for j, k := range ids {
			w := c.Input.W[k]
			z[j] = dot(h, w)
			if cosine {
				z[j] /= math.Sqrt(dot(h, h) * dot(w, w))
			} else {
				z[j] += c.Input.B[k]
			}
		}
		dz := make([]float64, len(z))
		target := losses.Target[float64]{Pos: []int32{int32(at)}, Weight: []float64{1}}
		mean += b.Analytic.F64.Eval(dz, z, target, make([]float64, b.Analytic.F64.WorkLen(len(z)))) / n
		for j, k := range ids {
			w, g := c.Input.W[k], dz[j]/n
			for d := range h {
				if cosine { // ∂cos/∂h = (w/‖w‖ − cos·h/‖h‖)/‖h‖, and the same for w
					lh, lw := math.Sqrt(dot(h, h)), math.Sqrt(dot(w, w))
					dH[i][d] += g * (w[d]/lw - z[j]*h[d]/lh) / lh
					dW[k][d] += g * (h[d]/lh - z[j]*w[d]/lw) / lw
				} else {
					dH[i][d] += g * w[d]
					dW[k][d] += g * h[d]
				}
			}
			dB[k] += g
		}
	}
	require.Truef(t, check.Near(mean, c.Expect.Loss, c.RTol, c.ATol), "loss %.17g, %s says %.17g", mean, c.Oracle, c.Expect.Loss)
	same := func(got, want []float64, what string) {
		require.Len(t, got, len(want))
		for j := range want {
			require.Truef(t, check.Near(got[j], want[j], c.RTol, c.ATol), "%s: %.17g, %s says %.17g", what, got[j], c.Oracle, want[j])
		}
	}
	require.Len(t, c.Expect.DH, len(dH))
	require.Len(t, c.Expect.DW, len(dW))
	for i := range dH {
		same(dH[i], c.Expect.DH[i], "dH")
	}
	for k := range dW {
		same(dW[k], c.Expect.DW[k], "dW")
	}
	if !cosine {
		same(dB, c.Expect.DB, "db")
	}
}

func zeros(like [][]float64) [][]float64 {
	out := make([][]float64, len(like))
	for i := range like {
		out[i] = make([]float64, len(like[i]))
	}
	return out
}

func dot(a, b []float64) (s float64) {
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}
