package kernel

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Linear is the input of a fused loss: rows H, classes W, and the target of
// every row. Scores are z = H·Wᵀ + 1·Biasᵀ [B,C]; a Workspace stores them within its
// Budget alone.
//
// Targets are either Label, one class a row and −1 for a padding row, or, where
// Label is nil, compressed rows: row i has the classes Pos[Ptr[i]:Ptr[i+1]] with
// weights Weight[Ptr[i]:Ptr[i+1]], which sum to 1, and no class for a padding row.
//
// A padding row has loss 0 and no gradient, whatever its H holds. A class of bias
// −Inf is masked: it is as if deleted, and must be no target; its row of W is
// finite.
type Linear struct {
	B, C, D int
	H       []float32 // [B,D]
	W       []float32 // [C,D]
	Bias    []float32 // [C], or nil for none
	Label   []int32   // [B]
	Ptr     []int32   // [B+1]
	Pos     []int32
	Weight  []float32
}

// Validate reports all faults of x.
func (x *Linear) Validate() error {
	if err := x.validateShape(); err != nil {
		return err
	}
	return x.validateTargets()
}

// validateShape reports all faults but those of the targets.
func (x *Linear) validateShape() error {
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("kernel: "+format, args...))
	}
	if x.B < 0 || x.C < 1 || x.D < 1 {
		bad("shape B=%d, C=%d, D=%d: need B ≥ 0, C ≥ 1, D ≥ 1", x.B, x.C, x.D)
		return errors.Join(errs...)
	}
	if x.C > math.MaxInt32/tileRows {
		bad("C=%d is above the limit of %d classes", x.C, math.MaxInt32/tileRows)
	}
	if len(x.H) != x.B*x.D {
		bad("H has %d entries, want B·D = %d", len(x.H), x.B*x.D)
	}
	if len(x.W) != x.C*x.D {
		bad("W has %d entries, want C·D = %d", len(x.W), x.C*x.D)
	}
	if x.Bias != nil && len(x.Bias) != x.C {
		bad("bias has %d entries, want C = %d", len(x.Bias), x.C)
	}
	return errors.Join(errs...)
}

func (x *Linear) validateTargets() error {
	if x.Label != nil {
		if len(x.Label) != x.B {
			return fmt.Errorf("kernel: %d labels, want B = %d", len(x.Label), x.B)
		}
		for i, y := range x.Label {
			if y < -1 || int(y) >= x.C {
				return fmt.Errorf("kernel: row %d has label %d; labels are −1 … %d", i, y, x.C-1)
			}
			if y >= 0 && x.masked(int(y)) {
				return fmt.Errorf("kernel: row %d has the masked class %d as label", i, y)
			}
		}
		return nil
	}
	if len(x.Ptr) != x.B+1 || x.Ptr[0] != 0 || int(x.Ptr[x.B]) != len(x.Pos) || len(x.Pos) != len(x.Weight) {
		return fmt.Errorf("kernel: targets have %d pointers, %d classes and %d weights; want B+1 = %d pointers from 0 to the number of classes and weights",
			len(x.Ptr), len(x.Pos), len(x.Weight), x.B+1)
	}
	for i := range x.B {
		if x.Ptr[i] > x.Ptr[i+1] {
			return fmt.Errorf("kernel: pointer of row %d is above that of row %d", i, i+1)
		}
	}
	for i := range x.B { // the pointers are in range now
		for _, c := range x.Pos[x.Ptr[i]:x.Ptr[i+1]] {
			if c < 0 || int(c) >= x.C {
				return fmt.Errorf("kernel: row %d has target %d; classes are 0 … %d", i, c, x.C-1)
			}
			if x.masked(int(c)) {
				return fmt.Errorf("kernel: row %d has the masked class %d as target", i, c)
			}
		}
	}
	return nil
}

func (x *Linear) masked(c int) bool { return x.Bias != nil && math.IsInf(float64(x.Bias[c]), -1) }

// A Loss is a loss fused with the linear layer.
//
// Forward stores the loss of every row of x in loss [B]. Backward takes the
// upstream gradient g [B] and stores the gradients of Σ g[i]·loss[i]; it follows
// a Forward with the same Workspace and an unchanged x, any number of times.
// Forward returns [Err] or the error of x.Validate, and either reports parameters
// outside of the loss's domain and outputs of the wrong size. After an error
// outputs are undefined.
type Loss interface {
	Forward(ws *Workspace, x *Linear, loss []float32) error
	Backward(ws *Workspace, x *Linear, g []float32, out *Grad) error
}

// A Grad is where Backward stores gradients. Nil fields are not computed.
type Grad struct {
	H    []float32 // [B,D]
	W    []float32 // [C,D], overwritten
	Bias []float32 // [C], overwritten

	// Rows receives the gradient of W, and of the bias, as the rows that are not
	// zero. Only a Workspace whose Sparse is true can fill it.
	Rows *RowGrad
}

// A RowGrad is a matrix of which few rows are not zero.
type RowGrad struct {
	ID   []int32   // strictly increasing
	Val  []float32 // [len(ID), D]
	Bias []float32 // [len(ID)]
}

func (g *Grad) validate(x *Linear, up []float32, sparse bool) error {
	switch {
	case len(up) != x.B:
		return fmt.Errorf("kernel: upstream gradient has %d entries, want B = %d", len(up), x.B)
	case g.H != nil && len(g.H) != x.B*x.D:
		return fmt.Errorf("kernel: gradient of H has %d entries, want %d", len(g.H), x.B*x.D)
	case g.W != nil && len(g.W) != x.C*x.D:
		return fmt.Errorf("kernel: gradient of W has %d entries, want %d", len(g.W), x.C*x.D)
	case g.Bias != nil && len(g.Bias) != x.C:
		return fmt.Errorf("kernel: gradient of the bias has %d entries, want %d", len(g.Bias), x.C)
	case g.Rows != nil && !sparse:
		return errors.New("kernel: gradient rows asked of a loss whose gradient is dense")
	}
	return nil
}

const (
	tileClasses  = 96  // a tile of scores, 24 KiB, stays in the first-level cache
	blockClasses = 192 // classes of a block of the backward pass
	blockRows    = 256 // rows of a block of the backward pass: 192 KiB of gradients
	scoreK       = 512 // inner dimension of one call, so that it stays short

	// chunkBytes bounds the copies of ∂L/∂H, one per chunk of classes, that keep
	// the bits independent of the number of goroutines.
	chunkBytes         = 2 << 20
	minChunk, maxChunk = 8, 64
)

// A Workspace holds the memory of a fused loss between its Forward and Backward
// and from step to step. The zero value is ready. It serves one goroutine at a
// time and grows to what the largest problem needs: beside W and its gradient,
// B·D·(2 + n) floats for n chunks of classes, n = 8 … 64 chosen such that n·B·D
// floats are about 2 MiB (and 8 at least), and 0.3 MB for each processor. Losses
// with a threshold add about 28 bytes for each candidate, of which there are
// min(B·C/12, 2²³) at most and a few per row once scores have spread; losses of
// moments add 4 MiB of Gram matrices, or 8 of them. A [Tiled] loss adds its summary,
// some 8 to 16 bytes for each chunk and row; one with Each that for as many problems
// as any of 64 rows has.
type Workspace struct {
	// Budget is how many bytes of scores a Forward may keep for what follows it: a
	// pass that reads them is cheaper than one that computes them again. The scores
	// of all rows, padded to a multiple of 64, and classes are kept, or none. They
	// change no bit of a result.
	Budget int

	x               *Linear
	dp              int // D rounded up to 16
	panels, chunks  int
	scale           float32
	ht              []float32 // [panels][D][64]: H scaled, rows of the batch along the lanes
	hp              []float32 // [B][dp]: H padded, padding rows zero
	entries         []entry
	cells           []int32 // places in entries, by class tile and in order
	tileStart       []int32 // [tiles+1]: cells before those of a tile of classes
	ptr             []int32 // [B+1]: entries of each row
	live            []bool  // rows that are not padding
	classes         int     // that are not masked
	tiles, grads    [][]float32
	wb, dwb         [][]float32
	dh              []float32 // [chunks][panels·64][dp]
	stateF, params  []float32
	stateD          []float64
	up              []float32 // [panels·64]: upstream gradient, 0 beyond B
	sparse, forward bool
	threshold       thresholdState
	few             fewState
	best            bestState
	kth             kthState
	edges           edgeState
	gram            gramState
	slots           slotState
	sumW            []float64
	kept            []float32 // scores, tile by tile, if have
	have            bool
}

// entry is one target: a class of a row, its weight, its scaled score and, of a
// Tiled loss, ∂ℓ/∂z there.
type entry struct {
	row, class      int32
	weight, z, grad float32
}

// Sparse reports whether the last Forward found a gradient with few rows, so
// that Backward can fill Grad.Rows.
func (ws *Workspace) Sparse() bool { return ws.sparse }

// Bytes returns the memory that the Workspace holds.
func (ws *Workspace) Bytes() int {
	n := 4*(cap(ws.kept)+cap(ws.ht)+cap(ws.hp)+cap(ws.dh)+cap(ws.stateF)+cap(ws.params)+cap(ws.ptr)+cap(ws.up)) + 8*cap(ws.stateD) +
		20*cap(ws.entries) + 4*cap(ws.cells) + 4*cap(ws.tileStart) + cap(ws.live) + 8*cap(ws.sumW) + ws.threshold.bytes() + ws.few.bytes() + ws.best.bytes() + ws.kth.bytes() + ws.edges.bytes() + ws.gram.bytes() + ws.slots.bytes()
	for _, s := range [][][]float32{ws.tiles, ws.grads, ws.wb, ws.dwb} {
		for _, x := range s {
			n += 4 * cap(x)
		}
	}
	return n
}

// prepare checks x and lays it out for scores multiplied by scale.
func (ws *Workspace) prepare(x *Linear, loss []float32, scale float32) error {
	ws.forward, ws.sparse, ws.have = false, false, false
	if err := Err(); err != nil {
		return err
	}
	if err := x.Validate(); err != nil {
		return err
	}
	if len(loss) != x.B {
		return fmt.Errorf("kernel: room for %d losses, want B = %d", len(loss), x.B)
	}
	ws.x = x
	ws.panels = ceil(x.B, tileRows)
	ws.file()
	ws.layout(scale)
	blocks := ceil(x.C, blockClasses)
	ws.chunks = min(blocks, max(minChunk, min(maxChunk, chunkBytes/(4*max(1, ws.panels)*tileRows*ws.dp))))
	ws.classes = x.C
	if x.Bias != nil {
		for c := range x.C {
			if x.masked(c) {
				ws.classes--
			}
		}
	}
	ws.staff()
	return nil
}

// staff makes room for the scratch of every worker; GOMAXPROCS may have changed.
func (ws *Workspace) staff() {
	n := Workers()
	for _, s := range []*[][]float32{&ws.tiles, &ws.grads, &ws.wb, &ws.dwb, &ws.slots.tile, &ws.gram.w, &ws.gram.dw,
		&ws.threshold.sample, &ws.threshold.rows, &ws.threshold.val} {
		*s = enough(*s, n)
	}
	ws.threshold.idx = enough(ws.threshold.idx, n)
	ws.few.unsorted, ws.few.counts = enough(ws.few.unsorted, n), enough(ws.few.counts, n)
}

// enough returns s with n elements or more.
func enough[T any](s []T, n int) []T {
	return append(s, make([]T, max(0, n-len(s)))...)
}

// layout packs H of the problem x, whose live rows are known.
func (ws *Workspace) layout(scale float32) {
	ws.scale = scale
	ws.dp = ceil(ws.x.D, 16) * 16
	ws.packH()
}

// file lists the targets, by row and by tile.
func (ws *Workspace) file() {
	x := ws.x
	ws.entries, ws.ptr, ws.live = ws.entries[:0], grow(ws.ptr, x.B+1), grow(ws.live, x.B)
	for i := range x.B {
		ws.ptr[i] = int32(len(ws.entries))
		if x.Label != nil {
			if y := x.Label[i]; y >= 0 {
				ws.entries = append(ws.entries, entry{row: int32(i), class: y, weight: 1})
			}
		} else {
			for k := x.Ptr[i]; k < x.Ptr[i+1]; k++ {
				ws.entries = append(ws.entries, entry{row: int32(i), class: x.Pos[k], weight: x.Weight[k]})
			}
		}
		ws.live[i] = int(ws.ptr[i]) < len(ws.entries)
	}
	ws.ptr[x.B] = int32(len(ws.entries))
	// A counting sort by class tile; in a tile the order of the rows stays.
	tiles := ceil(x.C, tileClasses)
	ws.cells, ws.tileStart = grow(ws.cells, len(ws.entries)), grow(ws.tileStart, tiles+2)
	start := ws.tileStart
	clear(start)
	for _, e := range ws.entries {
		start[e.class/tileClasses+2]++
	}
	for t := range tiles {
		start[t+2] += start[t+1]
	}
	for i, e := range ws.entries {
		at := &start[e.class/tileClasses+1]
		ws.cells[*at] = int32(i)
		*at++
	}
}

// inCell returns the places of the entries of the tile that starts at class c0 of a
// panel.
func (ws *Workspace) inCell(c0, panel int) []int32 {
	t := c0 / tileClasses
	cells := ws.cells[ws.tileStart[t]:ws.tileStart[t+1]]
	byRow := func(at int32, row int) int { return cmp.Compare(int(ws.entries[at].row), row) }
	lo, _ := slices.BinarySearchFunc(cells, panel*tileRows, byRow)
	hi, _ := slices.BinarySearchFunc(cells[lo:], (panel+1)*tileRows, byRow)
	return cells[lo : lo+hi]
}

func (ws *Workspace) targets(i int) []entry { return ws.entries[ws.ptr[i]:ws.ptr[i+1]] }

// packH lays H out twice: transposed and scaled for the scores, and padded for
// the gradient of W. The rows of padding become zeros, so that what they hold
// (NaN, too) touches nothing.
func (ws *Workspace) packH() {
	x := ws.x
	ws.ht = grow(ws.ht, ws.panels*x.D*tileRows)
	ws.hp = grow(ws.hp, x.B*ws.dp)
	Parallel(ws.panels, func(_, p int) {
		dst := ws.ht[p*x.D*tileRows:][:x.D*tileRows]
		for r := range tileRows {
			i := p*tileRows + r
			if i >= x.B || !ws.live[i] {
				for k := range x.D {
					dst[k*tileRows+r] = 0
				}
				if i < x.B {
					clear(ws.hp[i*ws.dp:][:ws.dp])
				}
				continue
			}
			row := ws.hp[i*ws.dp:][:ws.dp]
			clear(row[copy(row, x.H[i*x.D:][:x.D]):])
			for k, v := range row[:x.D] {
				dst[k*tileRows+r] = v * ws.scale
			}
		}
	})
}

// scores stores the scaled scores of n classes from c0 for a panel in z.
func (ws *Workspace) scores(z []float32, ldz, c0, n, panel int) {
	x := ws.x
	if x.Bias != nil {
		for c, b := range x.Bias[c0:][:n] {
			row := z[c*ldz:][:tileRows]
			b *= ws.scale
			for r := range row {
				row[r] = b
			}
		}
	}
	for k := 0; k < x.D; k += scoreK {
		gemmBlock(x.W[c0*x.D+k:], x.D, 1, n, min(scoreK, x.D-k), ws.ht[(panel*x.D+k)*tileRows:], tileRows, z, ldz, tileRows, k > 0 || x.Bias != nil)
	}
}

// score returns the scaled score of one class for one row, summed as scores
// does up to the order of rounding.
func (ws *Workspace) score(row, class int) float32 {
	x := ws.x
	z := Dot(x.H[row*x.D:][:x.D], x.W[class*x.D:][:x.D])
	if x.Bias != nil {
		z += x.Bias[class]
	}
	return z * ws.scale
}

// chunk returns the classes of a chunk: whole blocks of classes.
func (ws *Workspace) chunk(i int) (lo, hi int) {
	blocks := ceil(ws.x.C, blockClasses)
	return i * blocks / ws.chunks * blockClasses, min((i+1)*blocks/ws.chunks*blockClasses, ws.x.C)
}

// eachTile gives every tile of scores to f once, chunk by chunk in parallel;
// within a chunk tiles come in order. f leaves z as it was. With keep the scores
// are kept for later passes, where the budget allows.
func (ws *Workspace) eachTile(keep bool, f func(worker, chunk, panel, c0, n int, z []float32)) {
	size := ws.x.C * ws.panels * tileRows
	if keep = keep && !ws.have && 4*size <= ws.Budget; keep {
		ws.kept = grow(ws.kept, size)
	}
	Parallel(ws.chunks, func(worker, chunk int) {
		ws.tiles[worker] = grow(ws.tiles[worker], tileClasses*tileRows)
		lo, hi := ws.chunk(chunk)
		for c0 := lo; c0 < hi; c0 += tileClasses {
			n := min(tileClasses, hi-c0)
			for p := range ws.panels {
				z := ws.tiles[worker]
				if keep || ws.have {
					z = ws.tile(c0, n, p)
				}
				if !ws.have {
					ws.scores(z, tileRows, c0, n, p)
				}
				f(worker, chunk, p, c0, n, z)
			}
		}
	})
	ws.have = ws.have || keep
}

// tile returns where the kept scores of the n classes from c0 of a panel lie.
func (ws *Workspace) tile(c0, n, panel int) []float32 {
	return ws.kept[(c0*ws.panels+n*panel)*tileRows:][:n*tileRows]
}

// A tileMap stores in p (stride ldp) ∂L/∂z of the n classes from c0 and a panel,
// whose scores z have stride ldz; p may be z. What it stores at masked classes
// does not matter.
type tileMap func(worker, chunk, panel, c0, n int, p []float32, ldp int, z []float32, ldz int)

// backward computes the gradients from a map of scores to ∂L/∂z.
func (ws *Workspace) backward(out *Grad, mapTile tileMap) {
	if out.H != nil {
		ws.dh = grow(ws.dh, ws.chunks*ws.panels*tileRows*ws.dp)
	}
	Parallel(ws.chunks, func(worker, chunk int) {
		ws.backwardChunk(worker, chunk, out, mapTile)
	})
	if out.H != nil {
		ws.addChunks(out.H)
	}
}

// addChunks adds the chunks' copies of the gradient of H in order.
func (ws *Workspace) addChunks(dh []float32) {
	x, rows := ws.x, ws.panels*tileRows
	Parallel(x.B, func(_, i int) {
		row := ws.dh[i*ws.dp:][:x.D]
		for c := 1; c < ws.chunks; c++ {
			axpy(1, ws.dh[(c*rows+i)*ws.dp:][:x.D], row)
		}
		copy(dh[i*x.D:], row)
	})
}

func (ws *Workspace) backwardChunk(worker, chunk int, out *Grad, mapTile tileMap) {
	x, dp := ws.x, ws.dp
	rows := ws.panels * tileRows
	ld := min(blockRows, rows)
	ws.grads[worker] = grow(ws.grads[worker], blockClasses*ld)
	p := ws.grads[worker]
	var dh []float32
	if out.H != nil {
		dh = ws.dh[chunk*rows*dp:][:rows*dp]
		clear(dh)
	}
	ragged := dp != x.D
	if ragged {
		ws.wb[worker] = grow(ws.wb[worker], blockClasses*dp)
		ws.dwb[worker] = grow(ws.dwb[worker], blockClasses*dp)
	}
	lo, hi := ws.chunk(chunk)
	for c0 := lo; c0 < hi; c0 += blockClasses {
		n := min(blockClasses, hi-c0)
		w, dw := x.W[c0*x.D:], []float32(nil)
		if out.W != nil {
			dw = out.W[c0*x.D:]
		}
		if ragged { // the kernels work on whole vectors of columns
			w = ws.wb[worker]
			pack(w, dp, n, x.D, view[float32]{x.W[c0*x.D:], x.D, 1})
			dw = ws.dwb[worker]
		}
		for b0 := 0; b0 < x.B; b0 += blockRows {
			nb := min(blockRows, x.B-b0)
			for r := 0; r < nb; r += tileRows {
				ws.gradTiles(worker, chunk, p[r:], ld, c0, n, (b0+r)/tileRows, mapTile)
			}
			if out.W != nil {
				gemmBlock(p, ld, 1, n, nb, ws.hp[b0*dp:], dp, dw, dp, dp, b0 > 0)
			}
			if out.H != nil {
				gemmBlock(p, 1, ld, nb, n, w, dp, dh[b0*dp:], dp, dp, true)
			}
			if out.Bias != nil {
				for c := range n {
					s := sum(p[c*ld:][:nb])
					if b0 > 0 {
						s += out.Bias[c0+c]
					}
					out.Bias[c0+c] = s
				}
			}
		}
		if ragged && out.W != nil {
			for c := range n {
				copy(out.W[(c0+c)*x.D:][:x.D], dw[c*dp:])
			}
		}
	}
}

// gradTiles fills p with ∂L/∂z of n classes from c0 for a panel.
func (ws *Workspace) gradTiles(worker, chunk int, p []float32, ld, c0, n, panel int, mapTile tileMap) {
	x := ws.x
	for t := 0; t < n; t += tileClasses {
		nt := min(tileClasses, n-t)
		dst := p[t*ld:]
		if ws.have {
			mapTile(worker, chunk, panel, c0+t, nt, dst, ld, ws.tile(c0+t, nt, panel), tileRows)
		} else {
			ws.scores(dst, ld, c0+t, nt, panel)
			mapTile(worker, chunk, panel, c0+t, nt, dst, ld, dst, ld)
		}
		if ws.classes < x.C {
			for c := range nt {
				if x.masked(c0 + t + c) {
					clear(dst[c*ld:][:tileRows])
				}
			}
		}
	}
}

// upstream lays g out by panels, 0 for padding rows and beyond B.
func (ws *Workspace) upstream(g []float32) {
	ws.up = grow(ws.up, ws.panels*tileRows)
	clear(ws.up)
	for i, v := range g {
		if ws.live[i] {
			ws.up[i] = v
		}
	}
}

// ready checks what Backward needs.
func (ws *Workspace) ready(x *Linear, g []float32, out *Grad) error {
	if !ws.forward || ws.x != x {
		return errors.New("kernel: Backward without a Forward of the same problem")
	}
	if err := out.validate(x, g, ws.sparse); err != nil {
		return err
	}
	ws.staff()
	ws.upstream(g)
	if x.B == 0 { // no row would write them
		clear(out.W)
		clear(out.Bias)
	}
	return nil
}
