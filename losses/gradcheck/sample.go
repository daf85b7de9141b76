package gradcheck

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fenchel-ml/fenchel/losses"
)

// A sample is the rows on which one loss is checked. All numbers are float32
// numbers, so that both precisions see the same rows.
type sample struct {
	c        Config
	h, w     []float64 // [rows,width], [K,width]
	bias     []float64 // [K]
	z        []float64 // [rows,K] = h wᵀ + bias, in float64
	target   []losses.Target[float64]
	upstream []float64 // [rows], 0 at padding

	value  []float64 // [rows]: reference ℓ
	dz     []float64 // [rows,K]: reference upstream ∘ ∂ℓ/∂z
	dh, dw []float64 // as h and w
	dbias  []float64
}

func newSample(b losses.Loss, c Config) *sample {
	rng := rand.New(rand.NewPCG(c.Seed, uint64(c.K)))
	k := c.K
	s := &sample{c: c, h: make([]float64, rows*width), w: make([]float64, k*width), bias: make([]float64, k),
		upstream: make([]float64, rows), z: make([]float64, rows*k)}
	// The numbers lie on grids so coarse that every product and sum of h wᵀ + bias is a
	// float32 number. Both precisions then see the same scores, in whatever order an op
	// adds, and only the loss differs. |h| < 2 takes 6 bits, |w| < 16·step·512 takes 13,
	// and six products take 22 of the 24.
	step := math.Exp2(math.Round(math.Log2(c.Scale))) / 512
	grid(s.h, rng, 1/math.Sqrt(width), 1.0/32)
	grid(s.w, rng, c.Scale, step)
	grid(s.bias, rng, c.Scale/4, step)
	s.lead(k/2, step)
	s.multiply()
	// The scores are brought into the domain, near its ends, with room for the steps of
	// differences. A few quarters of a power of two keep to a grid.
	if _, hi := b.Spec.Domain.Bounds(); !math.IsInf(hi, 0) {
		top := 0.0
		for _, z := range s.z {
			top = max(top, math.Abs(z))
		}
		if room := 0.9 * hi / top; room < 1 {
			power := math.Exp2(math.Floor(math.Log2(room)))
			room = power / 4 * math.Floor(4*room/power)
			scaleBy(s.w, room)
			scaleBy(s.bias, room)
			s.multiply()
		}
	}
	for i := range rows {
		if i != padding {
			s.upstream[i] = float64(float32(0.5 + 1.5*rng.Float64()))
		}
		s.target = append(s.target, s.pick(rng, i))
	}
	return s
}

// lead makes the last rows of h the first unit vector and gives it a class, which leads
// these rows by several standard deviations. The other rows of h see little of it.
func (s *sample) lead(y int, step float64) {
	s.w[y*width] = math.Round(10*s.c.Scale/step) * step
	for i := range rows {
		h := s.h[i*width : (i+1)*width]
		h[0] = math.Round(8*h[0]) / 32
		if i >= led {
			clear(h)
			h[0] = 1
		}
	}
}

// pick returns the target of row i. It is the highest score, the lowest one, several
// positives, none (padding), or any class. In rows that a class leads it is the leader
// together with others far behind, or others far behind alone.
func (s *sample) pick(rng *rand.Rand, i int) losses.Target[float64] {
	z := s.row(s.z, i)
	label := func(y int) losses.Target[float64] {
		return losses.Target[float64]{Pos: []int32{int32(y)}, Weight: []float64{1}}
	}
	switch {
	case i == padding:
		return losses.Target[float64]{}
	case i == 0:
		return label(argmax(z, 1))
	case i == 1:
		return label(argmax(z, -1))
	case i == 2 && len(z) == 2:
		return losses.Target[float64]{Pos: []int32{0, 1}, Weight: []float64{0.3125, 0.6875}}
	case i == 2 && len(z) > 2:
		pos := rng.Perm(len(z))[:3]
		slices.Sort(pos)
		return losses.Target[float64]{Pos: []int32{int32(pos[0]), int32(pos[1]), int32(pos[2])}, Weight: []float64{0.25, 0.625, 0.125}}
	case i >= led && len(z) > 2:
		down := s.order(i)
		pos := []int32{int32(down[i-led]), int32(down[len(z)/2]), int32(down[len(z)-1])}
		slices.Sort(pos)
		pos = slices.Compact(pos)
		weight := [][]float64{{1}, {0.3125, 0.6875}, {0.25, 0.625, 0.125}}[len(pos)-1]
		return losses.Target[float64]{Pos: pos, Weight: weight}
	case i == led && len(z) == 2:
		return losses.Target[float64]{Pos: []int32{0, 1}, Weight: []float64{0.5, 0.5}}
	}
	return label(rng.IntN(len(z)))
}

// order returns the classes of row i by score, the highest first.
func (s *sample) order(i int) []int {
	z := s.row(s.z, i)
	order := make([]int, len(z))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(z[b], z[a]) })
	return order
}

func argmax(z []float64, sign float64) int {
	at := 0
	for j := range z {
		if sign*z[j] > sign*z[at] {
			at = j
		}
	}
	return at
}

func scaleBy(x []float64, c float64) {
	for i := range x {
		x[i] *= c
	}
}

// grid draws normal numbers of standard deviation sd, rounded to multiples of
// step and cut at four standard deviations.
func grid(x []float64, rng *rand.Rand, sd, step float64) {
	for i := range x {
		x[i] = math.Round(min(max(rng.NormFloat64(), -4), 4)*sd/step) * step
	}
}

// multiply sets z = h wᵀ + bias.
func (s *sample) multiply() {
	for i := range rows {
		for j := range s.c.K {
			z := s.bias[j]
			for q := range width {
				z += s.h[i*width+q] * s.w[j*width+q]
			}
			s.z[i*s.c.K+j] = z
		}
	}
}

// row returns row i of x [rows,K].
func (s *sample) row(x []float64, i int) []float64 { return x[i*s.c.K : (i+1)*s.c.K] }
