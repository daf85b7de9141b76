package sampler

import (
	"math"
	"math/rand/v2"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() {
	Register(Spec{
		Name:   "rff",
		Doc:    "in proportion to a Gaussian kernel of directions, by a tree of random features",
		Source: "RF-softmax, Rawat et al. 2019, Sampled softmax with random Fourier features; positive features: Choromanski et al. 2021, lemma 1",
		Params: []Param{
			{Name: "features", Doc: "frequencies ω drawn; trigonometric features are twice as many", Default: 256, Min: 1, Max: 1 << 16, Integer: true, Probe: []float64{16}},
			{Name: "nu", Doc: "ν of ω ~ N(0, νI): q ∝ e^{ν cos(h,w)} in the limit; keep it below 1/τ of a loss on cosines (4 suits τ < 0.25)", Default: 4, Min: 1e-6, Max: 100, Probe: []float64{1}},
			{Name: "map", Doc: "features: positive (e^{ωx−‖x‖²ν/2}, never negative) or trigonometric (cos ωx, sin ωx)", Choices: Enum("positive", "trigonometric"), DefaultString: "positive"},
			refreshParam,
		},
		Props:  Exact | Adaptive | FullSupport | Refreshes,
		Growth: GrowthLog,
		Cost:   "O(D d) a row, O(D log C) a draw and a positive; a refresh is O(D d C); about as much memory as W",
		Bytes: func(c Config, v Values) Footprint {
			f := newRFF(c, v)
			return Footprint{Kept: 4 * int64(f.n) * int64(f.d)}.Plus(treeBytes(c, f.width()))
		},
		New: func(c Config, v Values) (Proposal, error) {
			f := newRFF(c, v)
			// One ω for all classes and rows: a shared feature map is what makes sums
			// over classes possible.
			rng := rand.New(rand.NewPCG(mix(c.Seed), 0))
			f.omega = make([]float32, f.n*f.d)
			for i := range f.omega {
				f.omega[i] = float32(math.Sqrt(f.nu) * rng.NormFloat64())
			}
			return newKernelTree(c, v.Int("refresh"), f), nil
		},
	})
}

// rff is the kernel K(h, w) = e^{−ν‖ĥ−ŵ‖²/2} = e^{−ν} e^{ν⟨ĥ,ŵ⟩} of directions ĥ =
// h/‖h‖, which random features estimate without bias:
//
//	trigonometric φ(x) = n^{−1/2} [cos ω_j·x, sin ω_j·x]    D = 2n
//	positive      φ(x) = n^{−1/2} [e^{ω_j·x − ν}]          D = n
//
// since E e^{ω·x}e^{ω·y} = e^{ν‖x+y‖²/2} = e^{ν + ν⟨x,y⟩} for unit x and y. The
// zero vector has the direction 0, as a class with neutral score.
type rff struct {
	d, n     int
	nu       float64
	positive bool
	omega    []float32 // [n,d]
}

// newRFF returns the features that v asks for, without their ω.
func newRFF(c Config, v Values) *rff {
	return &rff{d: c.D, n: v.Int("features"), nu: v.Num("nu"), positive: v.String("map") == "positive"}
}

func (f *rff) width() int {
	if f.positive {
		return f.n
	}
	return 2 * f.n
}

// unit stores x/‖x‖ in dst, 0 of 0.
func unit(dst []float64, x []float32) {
	scale := 1 / kernel.Norm(x)
	for i, v := range x {
		dst[i] = float64(v) * scale
	}
}

func (f *rff) features(dst, unit []float64) {
	scale := 1 / math.Sqrt(float64(f.n))
	for j := range f.n {
		p := dotMixed(unit, f.omega[j*f.d:(j+1)*f.d])
		if f.positive {
			dst[j] += scale * math.Exp(p-f.nu)
			continue
		}
		sin, cos := math.Sincos(p)
		dst[j] += scale * cos
		dst[f.n+j] += scale * sin
	}
}

func (f *rff) class(dst []float64, w []float32, scratch []float64) {
	unit(scratch, w)
	f.features(dst, scratch)
}

func (f *rff) row(dst, h1 []float64, h []float32) (float64, int) {
	unit(h1, h)
	clear(dst)
	f.features(dst, h1)
	return 0, f.n * f.d
}

func (f *rff) at(h1 []float64, w []float32) float64 {
	cos := dotMixed(h1, w) / kernel.Norm(w)
	return math.Exp(f.nu * (cos - 1))
}
