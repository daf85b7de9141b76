package kernel

// WorkspaceBytes estimates what a [Workspace] holds after a Forward and a Backward
// of l at these sizes, with that Budget: the sum that its comment states.
func WorkspaceBytes(l Loss, b, c, d, budget int) int64 {
	panels, dp := ceil(max(b, 1), tileRows), ceil(d, 16)*16
	rows := panels * tileRows
	chunks := min(ceil(c, blockClasses), max(minChunk, min(maxChunk, chunkBytes/(4*rows*dp))))
	n := 4*int64(rows)*int64(d) + 4*int64(b)*int64(dp) + 4*int64(chunks)*int64(rows)*int64(dp) +
		int64(Workers())*(300<<10)
	switch l.(type) {
	case Softmax, Entmax, Normmax, Rankmax:
		if kept := 4 * int64(rows) * int64(c); kept <= int64(budget) {
			n += kept
		}
	}
	switch l.(type) {
	case Entmax, Normmax, Rankmax:
		n += 28 * int64(min(b*c/12, 1<<23))
	case RG, Squared, Taylor2, Spherical, ZLoss:
		n += max(gramBytes, 8*4*int64(dp)*int64(dp))
	}
	return n
}
