package kernel

// probeRounds makes one call of the probe last some 30 µs.
const probeRounds = 10_000

// ProbeFMA does fused multiply-adds in registers, at the vector width of the
// active path, for some 30 µs and returns how many floating-point operations
// those were: 0, at once, on path "go". Their rate is what the processor allows a
// matrix product.
func ProbeFMA() float64 {
	chains, lanes := probe(probeRounds)
	return probeRounds * float64(2*chains*lanes)
}
