package sampler

import "math"

// What the laws of draws are held to.

// dnsTop1 stores in q [C] the law of dns with one draw, by rank of the score:
// q_r = [(C−r+1)^M − (C−r)^M] / C^M for ranks r = 1 … C without ties, the best
// class in q[0]. It is an order statistic of M uniform draws.
func dnsTop1(q []float64, m int) {
	c := float64(len(q))
	for r := range q {
		hi, lo := (c-float64(r))/c, (c-float64(r)-1)/c
		q[r] = math.Pow(hi, float64(m)) - math.Pow(lo, float64(m))
	}
}

// probabilities returns the distribution that the table draws from.
func (t aliasTable) probabilities() []float64 {
	q := make([]float64, len(t.keep))
	for i, p := range t.keep {
		q[i] += p / float64(len(q))
		q[t.other[i]] += (1 - p) / float64(len(q))
	}
	return q
}

// drop marks in dst [K] the draws that row r must leave out: empty places, the
// row's own positives passed round by an in-batch sampler and, if hits, every
// draw that is a positive of the row. It returns how many stay.
func (d *Draws) drop(dst []bool, b *Batch, r int, hits bool) int {
	ids, _ := d.Row(r)
	lo, hi := b.Positives(r)
	stay := len(ids)
	for j, id := range ids {
		drop := id < 0 || d.From != nil && d.From[j] == int32(r)
		if hits && !drop {
			for _, y := range b.Pos[lo:hi] {
				drop = drop || id == y
			}
		}
		dst[j] = drop
		if drop {
			stay--
		}
	}
	return stay
}
