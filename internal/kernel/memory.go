package kernel

// WorkspaceBytes estimates what a [Workspace] holds after a Forward and a Backward
// of l at these sizes, with that Budget and Precision and that many targets in all: the sum that
// its comment states. Of targets that are problems of their own it takes twice the mean
// number in a row for the largest. Entries is how many an H has that is given by them, and
// −1 for a whole one.
func WorkspaceBytes(l Loss, b, c, d, targets, entries, budget int, precision Precision) int64 {
	if w, ok := l.(Weighed); ok {
		return WorkspaceBytes(w.Loss, b, c, d, targets, entries, budget, precision) + 4*int64(b)
	}
	panels, dp := ceil(max(b, 1), tileRows), paddedWidth(d, precision.Tiled())
	rows := panels * tileRows
	chunks := min(ceil(c, blockOf(c, d, entries >= 0)), max(minChunk, min(maxChunk, chunkBytes/(4*rows*dp))))
	h := 4*int64(rows)*int64(d) + 4*int64(b)*int64(dp+linePad)
	if entries >= 0 {
		h = sparseBytes(b, c, d, entries)
	}
	n := h + 4*int64(chunks)*int64(rows)*int64(dp) +
		int64(Workers())*max(240<<10, 4*int64(tileClasses*(tileRows+blockRows+2*dp+2*linePad))) // scores, gradients, packed classes and their gradient
	if s, ok := l.(KthLargestRivals); ok {
		k := min(s.K, c)
		n += RankerBytes(b, c, d, k) + 8*int64(b)*int64(k)
		l = Stream(s.rivals())
	}
	if r, ok := l.(Rankmax); ok {
		if 2*targets > rankmaxMost*b {
			n += int64(targets) * int64(12+12*chunks)
			targets = 0
		}
		l = r.each()
	}
	if s, ok := l.(streamed); ok {
		f, sums, p := s.Widths()
		slots := 1
		if s.Each() && targets > b {
			slots = ceil(2*targets, max(b, 1))
		}
		if _, ok := s.Tiled.(fixedThreshold); ok {
			n += candidateBytes(b, c, d)
		}
		n += int64(slots) * int64(rows) * (int64(chunks)*int64(4*f+8*sums+4) + int64(4*p+4))
	}
	if precision.Tiled() && Rounds(l) {
		n += bf16Bytes(panels, dp)
		switch l.(type) {
		case Softmax, streamed: // whose scores are not kept
			budget = 0
		}
	}
	switch l.(type) {
	case Softmax, streamed, Entmax, Normmax, ThresholdMap:
		n += 4 * int64(rows) * int64(keptClasses(c, tileOf(c, d, entries >= 0), panels, budget))
	}
	switch l.(type) {
	case Entmax, Normmax, ThresholdMap:
		n += candidateBytes(b, c, d)
	}
	if OfMoments(l) {
		n += max(gramBytes, 8*4*int64(dp)*int64(dp))
	}
	return n
}

// OfMoments reports whether l is computed from moments of the scores, which the Gram
// matrix WᵀW gives, in place of the scores.
func OfMoments(l Loss) bool {
	switch l.(type) {
	case RG, Squared, Taylor2, Spherical, ZLoss:
		return true
	}
	return false
}

// candidateBytes returns the memory of the most candidates that a Workspace keeps, and of
// what finds them.
func candidateBytes(b, c, d int) int64 {
	n, worker := coarseBytes(b, d)
	return 28*int64(min(b*c/12, 1<<23)) + n + int64(Workers())*worker
}
