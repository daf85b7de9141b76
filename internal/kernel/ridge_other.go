//go:build !amd64 || purego

package kernel

func ridgeLanes(bool) int { return 8 }
func gatherGram(lanes int, c []float32, ldc, width int, tab []float32, ld int, ids []int32, add bool) {
	gatherGramGo(lanes, c, ldc, width, tab, ld, ids, add)
}
func gram(lanes int, c []float32, ldc, width int, a, b []float32, ld, n int, add bool) {
	gramGo(lanes, c, ldc, width, a, b, ld, n, add)
}
func gramDouble(c []float64, ldc, width int, a, b []float64, ld, n int, add bool) {
	gramGo(8, c, ldc, width, a, b, ld, n, add)
}
func gatherT(lanes int, dst []float32, ldd int, tab []float32, ld, width int, scale []float32, ids []int32) {
	gatherTGo(lanes, dst, ldd, tab, ld, width, scale, ids)
}
func ldlPanel(lanes int, a []float32, lda, width int, r, inv, b []float32) {
	ldlPanelGo(lanes, a, lda, width, r, inv, b)
}
func ldlBack(_ int, a []float32, lda, n int, inv, b []float32) { ldlBackGo(a, lda, n, inv, b) }
