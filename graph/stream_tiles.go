package graph

import (
	"math"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// A kernelled loss has a kernel of its own, in place of what its public form makes.
type kernelled interface{ Kernel() kernel.Loss }

// fused returns l fused with a linear layer: by its kernel, else by tiles of its stream;
// nil where there is neither.
func (l Analytic) fused() kernel.Loss {
	var form any = l.F32
	if r, ok := form.(*streamRow[float32]); ok {
		if k, ok := r.stream.(kernelled); ok && k.Kernel() != nil {
			return k.Kernel()
		}
		if r.layout.apart() {
			return kernel.StreamApart(streamTiles{r})
		}
		return kernel.Stream(streamTiles{r})
	}
	if k, ok := form.(kernelled); ok {
		return k.Kernel()
	}
	return nil
}

// Fused reports whether [LinearLoss] computes l at float32 without a matrix of scores.
func (l Analytic) Fused() bool { return l.fused() != nil }

// Moments reports whether l is fused through the moments of the scores, Σz and Σz²,
// which the Gram matrix WᵀW gives: the cost then does not grow with rows times classes.
func (l Analytic) Moments() bool { return kernel.OfMoments(l.fused()) }

// Rounds reports whether l takes products of scores that a [Precision] may round: whether it
// has a fused form, and neither of moments nor of the largest scores alone.
func (l Analytic) Rounds() bool { return kernel.Rounds(l.fused()) }

// Rows returns l without its fused form: LinearLoss then takes blocks of rows.
func (l Analytic) Rows() Analytic {
	l.F32 = rowsOnly{l.F32}
	return l
}

type rowsOnly struct{ RowLoss[float32] }

// streamTiles is a Stream as a loss of tiles. Scores of a tile lie class by class, 64
// rows side by side; a Stream gets those of one row. A row's sums are the first of its
// summary, and what its scores hold of NaN and +Inf is the last. Parameters are float64
// in two float32 each, after a first that is +Inf where there is no row.
type streamTiles struct{ *streamRow[float32] }

const rowsOfTile = kernel.TileRows

func (l streamTiles) Valid() error { return nil }

func (l streamTiles) Scale() float32 { return 1 }

func (l streamTiles) Widths() (f, d, p int) { return 0, l.layout.Sums + 1, 1 + 2*l.layout.Params }

func (l streamTiles) Each() bool { return l.layout.Each }

func (l streamTiles) Balanced() bool { return l.layout.balances() }

func (l streamTiles) room() *streamRoom[float32] {
	r := l.pool.Get().(*streamRoom[float32])
	clear(r.sums)
	clear(r.params)
	return r
}

// take sets the target of r.
func (r *streamRoom[T]) take(t kernel.RowTarget) {
	r.targets(t.Len())
	r.t.Classes = t.Classes
	for k := range t.Len() {
		w, z := t.At(k)
		r.t.Pos[k], r.t.Weight[k], r.t.Z[k] = t.Class(k), T(w), T(z)
	}
}

func (l streamTiles) Start(p []float32, r int, t kernel.RowTarget) {
	room := l.room()
	defer l.pool.Put(room)
	room.take(t)
	l.stream.Start(room.params, &room.t)
	p[r] = 0
	putParams(p, r, room.params)
}

// putParams and getParams keep float64 parameters of row r.
func putParams(p []float32, r int, params []float64) {
	for i, v := range params {
		b := math.Float64bits(v)
		p[(1+2*i)*rowsOfTile+r] = math.Float32frombits(uint32(b >> 32))
		p[(2+2*i)*rowsOfTile+r] = math.Float32frombits(uint32(b))
	}
}

func getParams(params []float64, p []float32, r int) {
	for i := range params {
		hi, lo := math.Float32bits(p[(1+2*i)*rowsOfTile+r]), math.Float32bits(p[(2+2*i)*rowsOfTile+r])
		params[i] = math.Float64frombits(uint64(hi)<<32 | uint64(lo))
	}
}

// absent reports that there is no row r.
func absent(p []float32, r int) bool { return math.IsInf(float64(p[r]), 1) }

func getSums(sums []float64, st kernel.State, r int) {
	for i := range sums {
		sums[i] = st.D[i*rowsOfTile+r]
	}
}

func putSums(st kernel.State, r int, sums []float64) {
	for i, v := range sums {
		st.D[i*rowsOfTile+r] = v
	}
}

func (l streamTiles) Init(st kernel.State, p []float32) {
	room := l.room()
	defer l.pool.Put(room)
	clear(st.D)
	for r := range rowsOfTile {
		if absent(p, r) {
			st.D[l.layout.Sums*rowsOfTile+r] = math.NaN() // nothing that Merge need add
			continue
		}
		clear(room.sums)
		getParams(room.params, p, r)
		l.stream.Init(room.sums, room.params)
		putSums(st, r, room.sums)
	}
}

// columns stores the rows of a tile, one after another, in r.z.
func (r *streamRoom[T]) columns(z []T, ldz, n int) {
	if cap(r.z) < n*rowsOfTile {
		r.z, r.dz = make([]T, n*rowsOfTile), make([]T, n*rowsOfTile)
	}
	r.z, r.dz = r.z[:n*rowsOfTile], r.dz[:n*rowsOfTile]
	transpose(r.z, n, z, ldz, rowsOfTile, n)
}

// transpose stores src, rows × columns of stride lds, in dst of stride ldd, in squares
// that stay in cache lines.
func transpose[T Float](dst []T, ldd int, src []T, lds, columns, rows int) {
	const side = 16
	for i0 := 0; i0 < rows; i0 += side {
		for j0 := 0; j0 < columns; j0 += side {
			for i := i0; i < min(i0+side, rows); i++ {
				line := src[i*lds+j0:][:min(side, columns-j0)]
				at := j0*ldd + i
				for _, v := range line {
					dst[at] = v
					at += ldd
				}
			}
		}
	}
}

func (l streamTiles) Fold(st kernel.State, p, z []float32, c0, n int) {
	room := l.room()
	defer l.pool.Put(room)
	room.columns(z, rowsOfTile, n)
	bad := st.D[l.layout.Sums*rowsOfTile:]
	for r := range rowsOfTile {
		if absent(p, r) {
			continue
		}
		x := room.z[r*n:][:n]
		for _, s := range x {
			if !(s <= math.MaxFloat32) {
				bad[r] = math.NaN()
			}
		}
		getSums(room.sums, st, r)
		getParams(room.params, p, r)
		l.stream.Fold(room.sums, room.params, x, c0)
		putSums(st, r, room.sums)
	}
}

func (l streamTiles) Merge(dst, src kernel.State) {
	room := l.room()
	defer l.pool.Put(room)
	other := l.room()
	defer l.pool.Put(other)
	for r := range rowsOfTile {
		bad := &dst.D[l.layout.Sums*rowsOfTile+r]
		if *bad += src.D[l.layout.Sums*rowsOfTile+r]; *bad != *bad { // no row, or one that is NaN
			continue
		}
		getSums(room.sums, dst, r)
		getSums(other.sums, src, r)
		l.stream.Merge(room.sums, other.sums)
		putSums(dst, r, room.sums)
	}
}

func (l streamTiles) Solve(st kernel.State, p []float32, r int, t kernel.RowTarget) float64 {
	room := l.room()
	defer l.pool.Put(room)
	room.take(t)
	getSums(room.sums, st, r)
	getParams(room.params, p, r)
	loss := l.stream.Solve(room.sums, room.params, &room.t) + st.D[l.layout.Sums*rowsOfTile+r]
	putParams(p, r, room.params)
	for k, g := range room.t.Grad {
		z := room.t.Z[k]
		loss += float64(z - z) // NaN of an infinite score
		t.Set(k, g)
	}
	return loss
}

func (l streamTiles) Map(dst []float32, ldd int, z []float32, ldz, c0, n int, p, g []float32) {
	room := l.room()
	defer l.pool.Put(room)
	room.columns(z, ldz, n)
	for r, up := range g {
		dz := room.dz[r*n:][:n]
		if up == 0 || absent(p, r) {
			clear(dz)
			continue
		}
		x := room.z[r*n:][:n]
		getParams(room.params, p, r)
		l.stream.Map(dz, x, room.params, c0)
		for j, s := range x {
			if dz[j] *= up; masked(s) { // of a finite class too, where the score left float32
				dz[j] = 0
			}
		}
	}
	transpose(dst, ldd, room.dz, n, n, rowsOfTile)
}
