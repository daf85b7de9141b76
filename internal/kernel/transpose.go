package kernel

// transposed stores scale·xᵀ in dst: row j of dst, at j·ldd, holds column j of the rows of x,
// which are ldx apart, and zeros up to the next multiple of 16 rows. Scales has a number
// for each of the width columns; nil is 1 everywhere. It is what products want of their
// right operand.
func transposed[T Float](dst []T, ldd int, x []T, ldx, rows, width int, scales []T) {
	done := 0 // columns
	if x32, ok := f32(x); ok && rows > 0 {
		dst32, _ := f32(dst)
		scales32, _ := f32(scales)
		done = transposeBlocks(dst32, ldd, x32, ldx, rows, width, scales32)
	}
	wide := sixteens(rows)
	// Four sources at a time, so that each line of dst that is fetched takes four entries.
	i := 0
	for ; i+4 <= rows && done < width; i += 4 {
		x0, x1, x2, x3 := x[i*ldx:][:width], x[(i+1)*ldx:][:width], x[(i+2)*ldx:][:width], x[(i+3)*ldx:][:width]
		for j := done; j < width; j++ {
			row := dst[j*ldd+i:][:4]
			row[0], row[1], row[2], row[3] = x0[j], x1[j], x2[j], x3[j]
		}
	}
	for j := done; j < width; j++ {
		row := dst[j*ldd:][:wide]
		for i := i; i < rows; i++ {
			row[i] = x[i*ldx+j]
		}
		clear(row[rows:])
		if scales != nil {
			Scale(scales[j], row[:rows])
		}
	}
}

// transposeBlocks is transposed by vectors, of the columns that fill them; it returns how
// many.
func transposeBlocks(dst []float32, ldd int, x []float32, ldx, rows, width int, scales []float32) int {
	lanes := ridgeLanes(false)
	width = width / lanes * lanes
	for j := 0; j < width; j += len(ones) {
		n := min(len(ones), width-j)
		s := ones[:n]
		if scales != nil {
			s = scales[j : j+n]
		}
		i := 0
		for ; i < rows; i += lanes {
			gatherT(lanes, dst[j*ldd+i:], ldd, x[i*ldx+j:], ldx, n, s, counting[:min(lanes, rows-i)])
		}
		for ; i < sixteens(rows); i += lanes {
			for c := range n {
				clear(dst[(j+c)*ldd+i:][:lanes])
			}
		}
	}
	return width
}

// counting are the rows that gatherT takes, ones their scales.
var (
	counting = [16]int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	ones     = func() (x [256]float32) {
		for i := range x {
			x[i] = 1
		}
		return x
	}()
)
