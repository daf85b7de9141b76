package graph

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/gorgonia"
)

// wrong lists the stock ops of Gorgonia v0.9.18 that give wrong values or
// gradients, by type and by what they print, with what is wrong and what to use.
var wrong = []struct{ typ, text, why, use string }{
	{"softmaxOp", "", "is unstable in its last axis, and SoftMax and LogSoftMax of one node merge", "graph.Softmax or graph.LogSoftmax"},
	{"sparsemaxOp", "", "ignores its axis in its hash", "graph.EntmaxThreshold and graph.PowPositive"},
	{"byIndicesOp", "", "has wrong gradients", "graph.Lookup"},
	{"dropoutOp", "", "has a wrong gradient", "graph.Dropout"},
	{"reshapeOp", "", "shares memory with its operand, into which stock ops then write", "graph.Reshape, or graph.RowSum where gorgonia.Sum along an axis has it in its gradient"},
	{"linAlgBinOp", "⊗", "has no working gradient", "graph.MatMul of [m,1] and [1,n]"},
	{"elemUnaryOp", "invSqrt", "has a wrong gradient", "graph.Pow with exponent -0.5"},
}

// Verify returns an error if a graph that outs depend on holds what Gorgonia
// v0.9.18 computes wrongly without a word: a stock op known for wrong values or
// gradients (the error names the op to use instead), two leaves of one name, or
// two nodes of one hash, which its compiler would merge.
//
// Train and Eval verify each graph that they compile.
func Verify(outs ...*gorgonia.Node) error {
	var errs []error
	for _, n := range walk(outs...) {
		if n.Op() == nil {
			continue
		}
		for _, w := range wrong {
			if stock(n, w.typ) && strings.Contains(fmt.Sprint(n.Op()), w.text) {
				errs = append(errs, fmt.Errorf("stock op %s %s; use %s", describe(n), w.why, w.use))
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("graph: verify: %w", errors.Join(errs...))
	}
	return verifyCompiled(outs...)
}

// verifyCompiled checks what a compiled graph may not hold even where stock
// derivatives put it: merged nodes, and stock ops that write into memory which
// a stock Reshape shares with a node that others read.
func verifyCompiled(outs ...node) error {
	var errs []error
	hashes := map[uint32]node{}
	names := map[string]bool{}
	users := map[node]int{}
	order := walk(outs...)
	for _, n := range order {
		h := n.Hashcode()
		if other := hashes[h]; other != nil {
			errs = append(errs, fmt.Errorf("%s and %s have one hash, and Gorgonia would merge them", describe(other), describe(n)))
		}
		hashes[h] = n
		if n.Op() == nil {
			if names[n.Name()] {
				errs = append(errs, fmt.Errorf("two leaves have the name %q", n.Name()))
			}
			names[n.Name()] = true
		}
		for _, c := range children(n) {
			users[c]++
		}
	}
	for _, n := range order {
		if n.Op() == nil || !overwrites(n) {
			continue
		}
		for base := children(n)[n.Op().OverwritesInput()]; stock(base, "reshapeOp"); {
			base = children(base)[0]
			if base.Op() == nil || users[base] > 1 {
				errs = append(errs, fmt.Errorf("stock op %s may write into %s through a stock Reshape; use the ops of package graph", describe(n), describe(base)))
				break
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("graph: verify: %w", errors.Join(errs...))
}

// overwrites reports whether n is an elementwise stock op, which writes into an
// operand that nobody else reads. The other stock ops only say so.
func overwrites(n node) bool {
	return n.Op().OverwritesInput() >= 0 && (stock(n, "elemBinOp") || stock(n, "elemUnaryOp"))
}

// stock reports whether n is a stock op of that type of package gorgonia.
func stock(n node, typ string) bool {
	return n.Op() != nil && strings.TrimPrefix(fmt.Sprintf("%T", n.Op()), "*") == "gorgonia."+typ
}
