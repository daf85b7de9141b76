package tree

import (
	"math"

	"github.com/fenchel-ml/fenchel/internal/kernel"
)

// The class probabilities of the layouts by their definition, which tests hold the layouts to.

// adaptiveLogP stores in dst [C] log p of every class from the logits head
// [Head()] and tail[i] [Size(i)] of each cluster, in O(C).
func adaptiveLogP[T Float](a *Adaptive, dst, head []T, tail [][]T) {
	top := logSumExp(head, nil)
	short := a.Cutoffs[0]
	for r, y := range a.Class[:short] {
		dst[y] = T(float64(head[r]) - top)
	}
	for i := range a.Clusters() {
		shift := float64(head[int(short)+i]) - top - logSumExp(tail[i], nil)
		for j, y := range a.Class[a.Cutoffs[i]:a.Cutoffs[i+1]] {
			dst[y] = T(float64(tail[i][j]) + shift)
		}
	}
}

// partitionLogP stores in dst [C] log p of every class from the logits group [K]
// of the groups and z [C] of the classes, in O(C). dst may be z.
func partitionLogP[T Float](p *Partition, dst, group, z []T) {
	top := logSumExp(group, nil)
	for g := range p.Groups() {
		ids := p.Class[p.Ptr[g]:p.Ptr[g+1]]
		shift := float64(group[g]) - top - logSumExp(z, ids)
		for _, y := range ids {
			dst[y] = T(float64(z[y]) + shift)
		}
	}
}

// logSumExp returns log Σ e^z over the entries ids, over all where ids is nil; 0 where
// every entry is −Inf: subtracting it leaves them there.
func logSumExp[T Float](z []T, ids []int32) float64 {
	top, log := kernel.LogSumExp(z, ids)
	if math.IsInf(top, -1) {
		return 0
	}
	return top + log
}
