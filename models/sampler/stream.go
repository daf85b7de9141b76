package sampler

import (
	"math/bits"
	"math/rand/v2"
)

// A Stream is a source of random numbers for one row of one step: PCG seeded by
// (seed, step, row), so that a draw depends on nothing else, whatever thread
// runs the row. It is a value and never allocates.
type Stream struct{ pcg rand.PCG }

// Seed starts the stream of that row of that step.
func (r *Stream) Seed(seed, step, row uint64) {
	a := mix(mix(seed) + step)
	r.pcg.Seed(a, mix(a+row))
}

// mix is the finaliser of SplitMix64 (Steele, Lea & Flood, OOPSLA 2014):
// neighbouring seeds, steps and rows give unrelated streams.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Uint64 returns 64 random bits.
func (r *Stream) Uint64() uint64 { return r.pcg.Uint64() }

// Float64 returns a number uniform in [0, 1), a multiple of 2⁻⁵³.
func (r *Stream) Float64() float64 { return float64(r.pcg.Uint64()>>11) * 0x1p-53 }

// IntN returns a number uniform in [0, n), n ≥ 1: Lemire's multiplication with
// rejection, exact for every n.
func (r *Stream) IntN(n int) int {
	hi, lo := bits.Mul64(r.pcg.Uint64(), uint64(n))
	if lo < uint64(n) {
		for t := -uint64(n) % uint64(n); lo < t; {
			hi, lo = bits.Mul64(r.pcg.Uint64(), uint64(n))
		}
	}
	return int(hi)
}
