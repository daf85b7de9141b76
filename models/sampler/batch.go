package sampler

// A Batch is the input of one step.
type Batch struct {
	Seed, Step uint64 // of the stream; row b draws from (Seed, Step, b)

	// H [B,d] and W [C,d] are read by adaptive samplers only. H is finite, in
	// padding rows too.
	H, W []float32

	// Pos lists positives. Where Ptr is nil, Pos[b] is the positive of row b, −1
	// for a padding row; otherwise those of row b are Pos[Ptr[b]:Ptr[b+1]], and
	// Ptr has B+1 entries from 0 to len(Pos), never decreasing.
	Pos []int32
	Ptr []int32
}

// Rows returns B.
func (b *Batch) Rows() int {
	if b.Ptr != nil {
		return len(b.Ptr) - 1
	}
	return len(b.Pos)
}

// Positives returns the bounds in Pos of the positives of row r.
func (b *Batch) Positives(r int) (lo, hi int) {
	if b.Ptr != nil {
		return int(b.Ptr[r]), int(b.Ptr[r+1])
	}
	return r, r + 1
}

// Draws are the candidates of one step with their log q. Make them once with
// [Sampler.NewDraws] and fill them every step.
type Draws struct {
	B, K   int  // rows, and draws against each
	Shared bool // one row of k draws serves all rows

	IDs  []int32   // [K] if Shared, else [B,K]; −1 is an empty place
	LogQ []float32 // as IDs; 0 at an empty place

	// PosLogQ is aligned with Batch.Pos. It is 0 where that is −1.
	PosLogQ []float32

	// From [K] holds, for an InBatch sampler, the row whose positive draw j is, or −1
	// where it is no row's. It is nil for other samplers. For that row draw j is its own
	// positive and no sample, so row From[j] must leave it out.
	From []int32

	Ops int64 // elementary operations of the last Draw; see RowState.Ops

	states []worker // one for each goroutine
}

type worker struct {
	RowState
	logQ []float64 // [K]
	ids  []int32   // a row's positives, class 0 for none
	pos  []float64 // their log q
	err  error
	row  int // the row of err
}

// Row returns the draws of row r and their log q. The slices are views.
func (d *Draws) Row(r int) (ids []int32, logQ []float32) {
	if d.Shared {
		return d.IDs, d.LogQ
	}
	return d.IDs[r*d.K : (r+1)*d.K], d.LogQ[r*d.K : (r+1)*d.K]
}

// rowOf returns the row of the positive at that place of Pos, and −1 for −1.
func (b *Batch) rowOf(at int32) int32 {
	if b.Ptr == nil || at < 0 {
		return at
	}
	lo, hi := 0, len(b.Ptr)-1 // the last row whose first positive is not past at
	for hi-lo > 1 {
		if m := (lo + hi) / 2; b.Ptr[m] <= at {
			lo = m
		} else {
			hi = m
		}
	}
	return int32(lo)
}
