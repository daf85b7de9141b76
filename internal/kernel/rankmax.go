package kernel

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Rankmax is the Rankmax loss fused with the linear layer, the mean over the targets y
// of a row, by their weights, of
//
//	ℓ = log1p(S/δ),  S = Σ_{j≠y} [z_j − z_y + δ]_+,  ∂ℓ/∂z_j = 1[z_j > z_y−δ]/(S + δ)
//
// and the entry of y makes the sum 0. Source: Kong, Krichene, Mayoraz, Rendle and
// Zhang, NeurIPS 2020.
//
// Few targets of a row are problems of their own. Where rows have more, every score is
// filed under the last of its row's edges z_y − δ below it, forward and backward, and
// the sums over the scores above an edge are those over the edges from it up.
type Rankmax struct {
	Margin float64 // δ > 0
	Apart  bool    // the other targets of the row are no classes of the sum of y
}

// rankmaxMost is the number of targets up to which they are slots, in the row of each
// panel that has the most: to file a score costs about as much as this many slots.
const rankmaxMost = 64

// Forward is that of [Loss].
func (l Rankmax) Forward(ws *Workspace, x *Linear, loss []float32) error {
	if err := (rankmaxEach)(l).Valid(); err != nil {
		return err
	}
	slots, most := 0, 0
	for i := 1; i < len(x.Ptr) && x.Label == nil; i++ {
		if most = max(most, int(x.Ptr[i]-x.Ptr[i-1])); i%tileRows == 0 || i == len(x.Ptr)-1 {
			slots, most = slots+most, 0
		}
	}
	if ws.edges.used = slots > rankmaxMost*ceil(x.B, tileRows); ws.edges.used {
		return l.forwardMany(ws, x, loss)
	}
	return l.each().Forward(ws, x, loss)
}

// each is the loss with every target in a slot of its own.
func (l Rankmax) each() Loss {
	if l.Apart {
		return StreamApart(rankmaxEach(l))
	}
	return Stream(rankmaxEach(l))
}

// Backward is that of [Loss].
func (l Rankmax) Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if ws.edges.used {
		return l.backwardMany(ws, x, g, out)
	}
	return l.each().Backward(ws, x, g, out)
}

// edgeState is what Rankmax keeps of rows of many targets; each has the places of its
// targets, in the order of their scores.
type edgeState struct {
	used  bool
	order []int32   // [targets]: places in entries
	edge  []float32 // [targets]: z_y − δ
	upTo  []float32 // [targets]: Σ ∂ℓ/∂z over the edges up to this one
	sum   []float64 // [chunks][targets]: Σ (z − edge) of the scores filed here
	count []int32   // [chunks][targets]: how many they are
}

func (s *edgeState) bytes() int {
	return 4*(cap(s.order)+cap(s.edge)+cap(s.upTo)+cap(s.count)) + 8*cap(s.sum)
}

// below returns the last edge below z, −1 if there is none.
func below(edges []float32, z float32) int {
	if !(z > edges[0]) {
		return -1
	}
	lo, hi := 0, len(edges) // edges[lo] < z, and edges[hi] is not
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; z > edges[mid] {
			lo = mid
		} else {
			hi = mid
		}
	}
	return lo
}

func (l Rankmax) forwardMany(ws *Workspace, x *Linear, loss []float32) error {
	if err := ws.prepare(x, loss, 1); err != nil {
		return err
	}
	s, n := &ws.edges, len(ws.entries)
	s.order, s.edge, s.upTo = grow(s.order, n), grow(s.edge, n), grow(s.upTo, n)
	s.sum, s.count = grow(s.sum, ws.chunks*n), grow(s.count, ws.chunks*n)
	clear(s.sum)
	clear(s.count)
	ws.scoreTargets()
	Parallel(x.B, func(_, i int) {
		lo, hi := ws.ptr[i], ws.ptr[i+1]
		order := s.order[lo:hi]
		for k := range order {
			order[k] = lo + int32(k)
		}
		slices.SortFunc(order, func(a, b int32) int {
			return cmp.Or(cmp.Compare(ws.entries[a].z, ws.entries[b].z), cmp.Compare(a, b))
		})
		for k, at := range order {
			s.edge[int(lo)+k] = ws.entries[at].z - float32(l.Margin)
		}
	})
	ws.eachTile(true, func(_, chunk, panel, c0, c int, z []float32) {
		cells := ws.inCell(c0, panel)
		if l.Apart {
			ws.capture(z, c0, cells) // which show puts back
			ws.hide(z, c0, cells, -1)
			defer ws.show(z, c0, cells)
		}
		for r := range min(tileRows, x.B-panel*tileRows) {
			i := panel*tileRows + r
			if !ws.live[i] {
				continue
			}
			lo, hi := int(ws.ptr[i]), int(ws.ptr[i+1])
			edges := s.edge[lo:hi]
			sum, count := s.sum[chunk*n+lo:chunk*n+hi], s.count[chunk*n+lo:chunk*n+hi]
			for j := range c {
				v := z[j*tileRows+r]
				if k := below(edges, v); k >= 0 {
					sum[k] += float64(v) - float64(edges[k])
					count[k]++
				} else if v != v {
					sum[0] = math.NaN()
				}
			}
		}
	})
	Parallel(x.B, func(_, i int) {
		lo, hi := int(ws.ptr[i]), int(ws.ptr[i+1])
		var v, above, lead float64 // scores above the edge, and their summed lead over it
		for k := hi - 1; k >= lo; k-- {
			if k+1 < hi {
				lead += above * (float64(s.edge[k+1]) - float64(s.edge[k]))
			}
			for chunk := range ws.chunks {
				lead += s.sum[chunk*n+k]
				above += float64(s.count[chunk*n+k])
			}
			e := &ws.entries[s.order[k]]
			lead := lead
			if l.Apart { // the target itself, δ above its edge
				lead += l.Margin + float64(e.z-e.z)
			}
			v += float64(e.weight) * math.Log(lead/l.Margin) // rivals: the target is among the classes above
			s.upTo[k] = float32(float64(e.weight) / lead)
			e.grad = float32(-float64(e.weight) / lead * above)
		}
		for k := lo + 1; k < hi; k++ {
			s.upTo[k] += s.upTo[k-1]
		}
		loss[i] = float32(v + (v - v)) // NaN of +Inf
	})
	ws.forward = true
	return nil
}

func (l Rankmax) backwardMany(ws *Workspace, x *Linear, g []float32, out *Grad) error {
	if err := ws.prepareBackward(x, g, out); err != nil {
		return err
	}
	s := &ws.edges
	ws.backward(out, func(_, _, panel, c0, n int, p []float32, ldp int, z []float32, ldz int) {
		for r := range tileRows {
			i := panel*tileRows + r
			if i >= x.B || !ws.live[i] {
				for c := range n {
					p[c*ldp+r] = 0
				}
				continue
			}
			edges, upTo := s.edge[ws.ptr[i]:ws.ptr[i+1]], s.upTo[ws.ptr[i]:ws.ptr[i+1]]
			for c := range n {
				k := below(edges, z[c*ldz+r])
				p[c*ldp+r] = 0
				if k >= 0 {
					p[c*ldp+r] = ws.up[i] * upTo[k]
				}
			}
		}
		for _, c := range ws.inCell(c0, panel) {
			e := &ws.entries[c]
			at := &p[(int(e.class)-c0)*ldp+int(e.row)%tileRows]
			if l.Apart {
				*at = 0
			}
			*at += ws.up[e.row] * e.grad
		}
	})
	return nil
}

// rankmaxEach is Rankmax as a Tiled loss of one label.
type rankmaxEach Rankmax

// Valid reports a margin outside of its range.
func (l rankmaxEach) Valid() error {
	if !(l.Margin > 0 && !math.IsInf(l.Margin, 1)) {
		return fmt.Errorf("kernel: rankmax with margin %v; the margin is positive and finite", l.Margin)
	}
	return nil
}

// Scale returns 1.
func (l rankmaxEach) Scale() float32 { return 1 }

// Widths: the summary is S, the parameters are the threshold and 1/(S+δ).
func (l rankmaxEach) Widths() (f, d, p int) { return 0, 1, 2 }

// Each is true.
func (l rankmaxEach) Each() bool { return true }

// Balanced is true.
func (l rankmaxEach) Balanced() bool { return true }

// Start sets the threshold.
func (l rankmaxEach) Start(p []float32, r int, t RowTarget) {
	_, z := t.At(0)
	p[r] = z - float32(l.Margin)
}

// Init sets the empty sum.
func (l rankmaxEach) Init(st State, _ []float32) { clear(st.D) }

// Fold adds the tile.
func (l rankmaxEach) Fold(st State, p, z []float32, _, n int) { foldHinge(st, p, z, n) }

// Merge adds the sums.
func (l rankmaxEach) Merge(dst, src State) { axpyGo(1, src.D, dst.D) }

// Solve returns ℓ.
func (l rankmaxEach) Solve(st State, p []float32, r int, t RowTarget) float64 {
	_, z := t.At(0)
	s := st.D[r] + float64(z-z)
	p[tileRows+r] = float32(1 / (s + l.Margin))
	return math.Log1p((s + (s - s)) / l.Margin)
}

// Map stores g·1[z > z_y−δ]/(S+δ).
func (l rankmaxEach) Map(dst []float32, ldd int, z []float32, ldz, _, n int, p, g []float32) {
	mapHinge(dst, ldd, z, ldz, n, p, g)
}
