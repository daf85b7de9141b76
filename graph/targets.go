package graph

import (
	"gorgonia.org/gorgonia"
)

// Targets are the target leaves of a graph: one Target per row, in compressed
// rows. Make them with [Builder.Targets] or, from a leaf of labels, with
// [LabelTargets].
type Targets struct {
	Rows int // B

	// label is [B] Int32, one label a row, −1 for a padding row; or nil, and then
	// row i holds positions pos[ptr[i]:ptr[i+1]] with weight[ptr[i]:ptr[i+1]].
	label            *gorgonia.Node
	ptr, pos, weight *gorgonia.Node
}
