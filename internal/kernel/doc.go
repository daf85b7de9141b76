// Package kernel holds the arithmetic in which training spends its time:
// vector and matrix primitives, fused losses over very many classes, top-K, and
// updates of table rows.
//
// # Paths
//
// Float32 work runs on one of four paths: "avx512" (AVX-512 F, DQ, BW, VL, beside
// what follows) and "avx2" (AVX2 with FMA and BMI1) on amd64, "neon" on arm64, or "go". The path "avx512+amx" is "avx512"
// where the processor has matrix tiles of bfloat16 beside it and Linux lets a process
// use them: float32 work has the bits of "avx512", and what a [Precision] permits to be
// rounded goes by tiles. The fastest that the processor and the operating system support is
// chosen at start; the environment variable FENCHEL_KERNEL forces one of the names, and
// every one but "avx512+amx" forbids tiles.
//
// Where few scores count, those of the best classes or above a threshold, a filter may rule
// the others out by products of integers of 8 bits and a bound of their error. It changes no
// bit of a result. Its name stands behind that of a path: "+vnni" multiplies by AVX-512 VNNI,
// "+int8" by AVX2 or AVX-512 without it, in some 2/5 of the time of float32 on a Zen 3. A path
// that is forced by its own name has none.
//
// A name that is unknown or not supported here is an error, reported by [Err] and by every driver of this
// package that returns an error; nothing falls back in silence. Builds with the
// tag purego, and all builds for processors other than amd64 and arm64, have the path "go"
// alone. Float64 work is Go, for it serves the checking of gradients; but [Gram] and
// [GatherDot], which alternating least squares needs in float64, have paths too.
//
// The path "neon" has the kernels of the others but those of [Ridge], of [Gram] and of filters,
// for which Go runs there. It was tested under emulation (qemu) alone: its results are held to
// the same tolerances as those of other paths, and its speed was measured nowhere.
//
// The assembly is written by the generator in _asm, a module of its own. The kernels of all
// widths have one text; those of arm64 are translated from the instructions of amd64. The doc
// comment of an assembly function is the Go loop that defines it; that loop is
// the path "go", and a test compares them at all lengths and alignments. The loops of what
// tiles do are in the tests alone, because elsewhere nothing rounds: a product by tiles
// configures them and releases them in one call, so that no goroutine moves between threads, or
// is stopped, while it holds any.
//
// # Determinism
//
// On one path a result has the same bits at any GOMAXPROCS. Work is cut into
// parts by shape alone; a part that several goroutines could add to has a copy
// per part, and copies are added in the order of the parts. That costs the
// memory of the copies and their addition: see [Workspace]. Different paths
// differ by rounding; so does the path "go" on arm64 from itself on amd64, because there Go fuses
// multiplications with additions.
//
// # Sinks
//
// A backward pass makes the gradient of W block by block. Each block is finished in one
// place: its rows are complete, those of a layer of unit vectors ([Linear].Unit) are led
// through the norm, and then they are stored, or handed to a [Sink] while they are in cache.
// So a caller that moves W by its gradient reads neither again. Which losses can do that
// [Sinks] says.
//
// # Conventions
//
// Matrices are dense and row-major. The destination comes first. Slices that are
// too short, and dimensions that disagree, panic with "kernel: …": they are
// mistakes of the program, and the fused drivers return an error for what comes
// from a user instead. A NaN in the input reaches the output.
//
// Letters: B rows of a batch, C classes, D hidden width; H is [B,D], W is [C,D],
// scores z = H·Wᵀ are [B,C].
package kernel

// Float is the element type of a primitive.
type Float interface{ float32 | float64 }

//go:generate go run -C _asm . -out ../kernel_amd64.s -stubs ../stub_amd64.go -pkg kernel
//go:generate go run -C _asm . -arch arm64 -out ../kernel_arm64.s -stubs ../stub_arm64.go -pkg kernel
