package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/reg"
)

// Comments that mark the strands of a weave, and its end.
const (
	strandMark = "weave: strand"
	endMark    = "weave: end"
)

// strands is how many vectors at a time a function of many steps works on, of which the
// registers of AVX2 hold few.
func (v isa) strands(few int) int {
	if v.bits == 512 {
		return 4
	}
	return few
}

// weave writes strand(0), …, strand(n−1), which depend on nothing of each other. Woven, their
// instructions take turns: where each waits for the one before, the processor, which looks
// ahead no farther than one strand, works on the others meanwhile.
func weave(woven bool, n int, strand func(i int)) {
	for i := range n {
		if woven {
			build.Comment(strandMark)
		}
		strand(i)
	}
	if woven {
		build.Comment(endMark)
	}
}

// mark returns the text of a comment, and "" of other nodes.
func mark(n ir.Node) string {
	if c, ok := n.(*ir.Comment); ok && len(c.Lines) == 1 {
		return c.Lines[0]
	}
	return ""
}

// weaveStrands is the pass that puts the instructions of strands in their order.
func weaveStrands(f *ir.Function) error {
	var nodes []ir.Node
	var strands [][]ir.Node
	for _, n := range f.Nodes {
		switch {
		case mark(n) == strandMark:
			strands = append(strands, nil)
		case mark(n) == endMark:
			for i := range strands[0] {
				for _, s := range strands {
					nodes = append(nodes, s[i])
				}
			}
			strands = nil
		case strands != nil:
			strands[len(strands)-1] = append(strands[len(strands)-1], n)
		default:
			nodes = append(nodes, n)
		}
	}
	f.Nodes = nodes
	return nil
}

// lowRegisters is the pass that refuses registers beyond the 16 that AVX2 has, which the
// allocator takes to be free in functions of 256 bits too.
func lowRegisters(f *ir.Function) error {
	if !strings.Contains(f.Name, "256") {
		return nil
	}
	for _, i := range f.Instructions() {
		for _, r := range i.Registers() {
			if p, ok := r.(reg.Physical); ok && p.Kind() == reg.KindVector && p.PhysicalIndex() > 15 {
				return fmt.Errorf("%s takes more than 16 vector registers", f.Name)
			}
		}
	}
	return nil
}
