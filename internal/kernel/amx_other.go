//go:build !amd64 || purego

package kernel

func detectTiles() bool { return false }

// There are no tiles here, so nobody calls these.

func bf16Product([]float32, int, []bf16Operands, int, int, int, int, int, bool) { panic(noTiles) }
func bf16Rows(_, _ []uint16, _ []float32)                                       { panic(noTiles) }
func bf16Pairs(_, _, _, _ []uint16, _ []float32, _, _, _ int)                   { panic(noTiles) }
func bf16Transpose(_, _ []uint16, _ int, _ []float32, _, _, _ int)              { panic(noTiles) }

const noTiles = "kernel: no tiles"
