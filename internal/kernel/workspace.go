package kernel

import (
	"cmp"
	"fmt"
	"slices"
)

// Where a kernel reads one cache line of each of many rows, of 256 bytes or of 512, the
// lines share a quarter or an eighth of the places in the first-level cache, and push each
// other out. So rows of scratch begin an odd number of lines apart: linePad numbers are one.

const (
	tileClasses  = 96  // at most in a tile of scores, 24 KiB, which stays in the first-level cache
	blockClasses = 192 // a chunk of classes begins at a multiple: what is added in which order depends on it
	blockRows    = 256 // rows of a block of the backward pass: 96 KiB of gradients
	linePad      = 16  // what rows of scratch are longer than their numbers
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
// min(B·C/12, 2²³) at most and a few per row once scores have spread, and where a filter finds
// them 2 bytes for each number of H and 96·D for each processor; losses of
// moments add 4 MiB of Gram matrices, or 8 of them. A [Tiled] loss adds its summary,
// some 8 to 16 bytes for each chunk and row. One with Each adds that as often as the
// row of most targets, among 64, has targets. Where a Precision has products go by tiles it
// adds twice B·D floats, and for each processor blocks of 192 classes, 0.7 MB at B ≥ 256 and
// D = 64; it keeps no scores then.
type Workspace struct {
	// Budget is how many bytes of scores a Forward may keep for what follows it: a
	// pass that reads them is cheaper than one that computes them again. Those of all
	// rows, padded to a multiple of 64, are kept for the first classes, as many as fit; none
	// if those are less than half. They change no bit of a result.
	Budget int

	// ShiftInvariant says that the loss does not change when all scores of a row are
	// shifted. What the vectors of all classes have in common then costs no digits of
	// the result, however large the scores that it makes.
	ShiftInvariant bool

	// Precision permits products of a rounded H, W and gradient by z; see [Precision]. Where
	// it is used, the three products of a [Tiled] loss are. Of other losses over all
	// classes the scores stay those of float32, because they find with them what is above a
	// threshold, and the gradient's two products are rounded where it is dense. Losses of
	// moments, and of the largest scores alone, have no such products; see [Rounds].
	Precision Precision

	x               *Linear
	dp              int // D rounded up to 16, to 32 with bf16.used
	hk              int // rows of a panel of ht: D, or dp with bf16.used
	panels, chunks  int
	tileClasses     int // of a tile, tileClasses at most
	blockClasses    int // of which chunks are multiples
	scale           float32
	scales          []float32 // [D]: scale, of each column of H
	ht              []float32 // [panels][hk][64]: H scaled, rows of the batch along the lanes
	hp              []float32 // [B][ld], whole panels with bf16.used: H padded, padding rows zero; see row
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
	weighed         []float32 // [B]: that of a Weighed loss, times ω
	sparse, forward bool
	unfinished      bool // rows of the gradient of W change after their block is done
	threshold       thresholdState
	nonzeros        sparseState
	argmax          argmaxState
	kthLargest      kthLargestState
	edges           edgeState
	gram            gramState
	slots           slotState
	bf16            bf16State
	sumW            []float64
	center          []float32 // [D+1]: what classes and biases are less, or empty
	kept            []float32 // scores, tile by tile, of the first keptClasses
	keptClasses     int
	coarse          coarseRows
	sparseH         sparseH
}

// An entry is one target: a class of a row with its weight and its scaled score. A
// Tiled loss keeps ∂ℓ/∂z there, too.
type entry struct {
	row, class      int32
	weight, z, grad float32
}

// Sparse reports whether the last Forward found a gradient with few rows, so
// that Backward can fill Grad.Rows.
func (ws *Workspace) Sparse() bool { return ws.sparse }

// Bytes returns the memory that the Workspace holds.
func (ws *Workspace) Bytes() int {
	n := 4*(cap(ws.kept)+cap(ws.scales)+cap(ws.ht)+cap(ws.hp)+cap(ws.dh)+cap(ws.stateF)+cap(ws.params)+cap(ws.ptr)+cap(ws.up)+cap(ws.weighed)) + 8*cap(ws.stateD) +
		20*cap(ws.entries) + 4*cap(ws.cells) + 4*cap(ws.tileStart) + cap(ws.live) + 8*cap(ws.sumW) + 4*cap(ws.center) + ws.threshold.bytes() + ws.nonzeros.bytes() + ws.argmax.bytes() + ws.kthLargest.bytes() + ws.edges.bytes() + ws.gram.bytes() + ws.slots.bytes() + ws.bf16.bytes() + ws.coarse.bytes() + ws.sparseH.bytes()
	for _, s := range [][][]float32{ws.tiles, ws.grads, ws.wb, ws.dwb} {
		for _, x := range s {
			n += 4 * cap(x)
		}
	}
	return n
}

// prepare checks x and lays it out for scores multiplied by scale.
func (ws *Workspace) prepare(x *Linear, loss []float32, scale float32) error {
	ws.forward, ws.sparse, ws.keptClasses = false, false, 0
	ws.bf16.used, ws.bf16.low, ws.bf16.scores = ws.Precision.Tiled() && x.Entries == nil, ws.Precision == High, false
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
	ws.tileClasses, ws.blockClasses = tileOf(x.C, x.D, x.Entries != nil), blockOf(x.C, x.D, x.Entries != nil)
	ws.listTargets()
	ws.layout(scale)
	blocks := ceil(x.C, ws.blockClasses)
	ws.growScratch()
	if x.Entries == nil {
		ws.findCenter()
	} else {
		ws.sparseH.sorted = ws.Budget > 0 // a gradient comes
		Parallel(2, func(_, task int) {
			switch {
			case task == 0:
				ws.findCenter()
			case ws.sparseH.sorted:
				ws.sortEntries()
			}
		})
	}
	ws.chunks = min(blocks, max(minChunk, min(maxChunk, chunkBytes/(4*max(1, ws.panels)*tileRows*ws.dp))))
	ws.classes = x.C
	if x.Bias != nil {
		for c := range x.C {
			if x.masked(c) {
				ws.classes--
			}
		}
	}
	return nil
}

// growScratch makes room for the scratch of every worker. It is called before every
// pass, because GOMAXPROCS may have changed.
func (ws *Workspace) growScratch() {
	n := Workers()
	for _, s := range []*[][]float32{&ws.tiles, &ws.grads, &ws.wb, &ws.dwb, &ws.slots.tile, &ws.gram.w, &ws.gram.dw,
		&ws.threshold.sample, &ws.threshold.rows, &ws.threshold.val} {
		*s = enough(*s, n)
	}
	ws.threshold.idx, ws.threshold.coarse = enough(ws.threshold.idx, n), enough(ws.threshold.coarse, n)
	ws.bf16.workers = enough(ws.bf16.workers, n)
	ws.nonzeros.unsorted, ws.nonzeros.counts = enough(ws.nonzeros.unsorted, n), enough(ws.nonzeros.counts, n)
	ws.sparseH.growRooms(len(ws.tiles))
}

// parallel is Parallel on no more workers than growScratch has made room for: GOMAXPROCS may
// have become larger since, as it does where a container is given more processors.
func (ws *Workspace) parallel(tasks int, f func(worker, task int)) {
	Spread(min(len(ws.tiles), Workers()), tasks, f)
}

// enough returns s with n elements or more.
func enough[T any](s []T, n int) []T {
	return append(s, make([]T, max(0, n-len(s)))...)
}

// layout packs H of the problem x, whose live rows are known.
func (ws *Workspace) layout(scale float32) {
	ws.scale = scale
	ws.dp, ws.hk = paddedWidth(ws.x.D, ws.bf16.used), ws.x.D
	if ws.bf16.used {
		ws.hk = ws.dp
	}
	if ws.x.Entries != nil {
		ws.takeEntries()
		return
	}
	ws.packH()
}

// paddedWidth returns how many numbers rows of d are padded to: whole vectors of columns, or
// what tiles take at once.
func paddedWidth(d int, tiled bool) int {
	if tiled {
		return ceil(d, 32) * 32
	}
	return sixteens(d)
}

// listTargets lists the targets, by row and by tile.
func (ws *Workspace) listTargets() {
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
	// This is a counting sort by class tile, which keeps the order of the rows in a
	// tile.
	tiles := ceil(x.C, ws.tileClasses)
	ws.cells, ws.tileStart = grow(ws.cells, len(ws.entries)), grow(ws.tileStart, tiles+2)
	start := ws.tileStart
	clear(start)
	for _, e := range ws.entries {
		start[int(e.class)/ws.tileClasses+2]++
	}
	for t := range tiles {
		start[t+2] += start[t+1]
	}
	for i, e := range ws.entries {
		at := &start[int(e.class)/ws.tileClasses+1]
		ws.cells[*at] = int32(i)
		*at++
	}
}

// inCell returns the places of the entries of the tile that starts at class c0 of a
// panel.
func (ws *Workspace) inCell(c0, panel int) []int32 {
	t := c0 / ws.tileClasses
	cells := ws.cells[ws.tileStart[t]:ws.tileStart[t+1]]
	byRow := func(at int32, row int) int { return cmp.Compare(int(ws.entries[at].row), row) }
	lo, _ := slices.BinarySearchFunc(cells, panel*tileRows, byRow)
	hi, _ := slices.BinarySearchFunc(cells[lo:], (panel+1)*tileRows, byRow)
	return cells[lo : lo+hi]
}

func (ws *Workspace) targets(i int) []entry { return ws.entries[ws.ptr[i]:ws.ptr[i+1]] }

// ld returns the stride of rows of scratch that hold dp numbers: those that are rounded to
// bfloat16, where that is done, are read from one end to the other.
func (ws *Workspace) ld() int {
	if ws.bf16.used {
		return ws.dp
	}
	return ws.dp + linePad
}

// row returns row i of a whole H, or zeros for a row of padding.
func (ws *Workspace) row(i int) []float32 {
	return ws.hp[i*ws.ld():][:ws.x.D]
}

// packH lays H out twice: transposed and scaled for the scores, and padded for
// the gradient of W. The rows of padding become zeros, so that what they hold
// (NaN, too) touches nothing.
func (ws *Workspace) packH() {
	x := ws.x
	rows, ld := x.B, ws.ld()
	if ws.bf16.used {
		rows = ws.panels * tileRows
	}
	ws.ht = grow(ws.ht, ws.panels*ws.hk*tileRows)
	ws.hp = grow(ws.hp, rows*ld)
	ws.scales = grow(ws.scales, x.D)
	for k := range ws.scales {
		ws.scales[k] = ws.scale
	}
	Parallel(ws.panels, func(_, p int) {
		dst := ws.ht[p*ws.hk*tileRows:][:ws.hk*tileRows]
		clear(dst[x.D*tileRows:])
		whole := (p+1)*tileRows <= x.B
		if whole {
			transposed(dst, tileRows, x.H[p*tileRows*x.D:], x.D, tileRows, x.D, ws.scales)
		}
		for r := range tileRows {
			i := p*tileRows + r
			if i >= x.B || !ws.live[i] {
				for k := range x.D {
					dst[k*tileRows+r] = 0
				}
				if i < rows {
					clear(ws.hp[i*ld:][:ws.dp])
				}
				continue
			}
			row := ws.hp[i*ld:][:ws.dp]
			clear(row[copy(row, x.H[i*x.D:][:x.D]):])
			if whole {
				continue
			}
			for k, v := range row[:x.D] {
				dst[k*tileRows+r] = v * ws.scale
			}
		}
	})
}
