package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// probes writes the loop that measures the machine's limit: fused multiply-adds
// of registers alone, as many chains as hide their latency.
func probes(v isa) {
	chains := 12
	if v.many() {
		chains = 24
	}
	v.text("probe", "(n int)",
		"does chains·lanes fused multiply-adds n ≥ 1 times, 12 chains at 256 bits and 24 at others:",
		"",
		"	for range n { for c := range chains { acc[c] += x * y } } // fused")
	n := ptr("n")
	x, y, acc := v.reg(), v.reg(), v.regs(chains)
	for _, r := range append(acc, x, y) {
		v.zero(r)
	}
	Label("loop")
	for _, a := range acc {
		VFMADD231PS(x, y, a)
	}
	DECQ(n)
	JNZ(LabelRef("loop"))
	ret()
}

// pauses writes what a loop does that waits for another processor.
func pauses() {
	TEXT("pause", NOSPLIT, "func()")
	Doc("pause leaves the processor to its other thread for a moment.")
	for range 4 {
		PAUSE()
	}
	RET()
}
