package kernel

import "testing"

// TestSoftmaxRows: triangles of all lengths agree with the loops, a row's scores may be masked
// or no numbers, and what is behind them reaches nothing.
func TestSoftmaxRows(t *testing.T) {
	onPaths(t, func(t *testing.T) {
		r := source(35)
		for n := 1; n <= 70; n++ {
			rows := 1 + n%5
			ld := sixteens(n+rows-1) + 16*(n%3)
			x := normal(r, rows*ld, 3)
			for i := range rows {
				for j := n + i; j < ld; j++ {
					x[i*ld+j] = []float32{nan, inf, -inf, 1e30}[j%4]
				}
			}
			switch row := x[:n]; n % 7 {
			case 1:
				for j := range row {
					row[j] = -inf
				}
			case 2:
				row[n/2] = -inf
			case 3:
				row[n-1] = nan
			case 4:
				row[0] = inf
			case 5: // the last of a lane is a NaN that a maximum may lose
				row[n-1], row[0] = -200, 200
			}
			p, want := guard(append([]float32{}, x...), n), append([]float32{}, x...)
			softmaxRows(p.x, ld, rows, n)
			softmaxRowsGo(want, ld, rows, n)
			requireNear(t, want, p.x, 0, 4e-6, "probabilities of %d", n)
			p.requireIntact(t, "p")

			up := normal(r, rows*ld, 1)
			for i := range rows {
				for j := n + i; j < ld; j++ {
					up[i*ld+j] = nan
				}
			}
			g, back := guard(append([]float32{}, up...), n+1), append([]float32{}, up...)
			softmaxBackRows(g.x, want, ld, rows, n)
			softmaxBackRowsGo(back, want, ld, rows, n)
			requireNear(t, back, g.x, 0, 4e-6, "gradient of %d", n)
			g.requireIntact(t, "g")
		}
	})
}
