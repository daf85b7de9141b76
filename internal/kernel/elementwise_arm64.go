//go:build !purego

package kernel

// The forms of the elementwise functions.
var (
	addForm         = elementwise{neon: add128, loop: addLoop[float32]}
	subForm         = elementwise{neon: sub128, loop: subLoop[float32]}
	mulForm         = elementwise{neon: mul128, loop: mulLoop[float32]}
	divForm         = elementwise{neon: div128, loop: divLoop[float32]}
	addScalarForm   = elementwise{neon: addScalar128, loop: addScalarLoop[float32]}
	mulScalarForm   = elementwise{neon: mulScalar128, loop: mulScalarLoop[float32]}
	scaleForm       = elementwise{neon: scale128, loop: scaleLoop}
	squareForm      = elementwise{neon: square128, loop: squareLoop}
	sqrtForm        = elementwise{neon: sqrt128, loop: of1(sqrt1)}
	absForm         = elementwise{neon: abs128, loop: of1(abs1)}
	clampForm       = elementwise{neon: clamp128, loop: clampLoop}
	reluForm        = elementwise{neon: relu128, loop: reluLoop}
	reluBackForm    = elementwise{neon: reluBack128, loop: reluBackLoop[float32]}
	softmaxBackForm = elementwise{neon: softmaxBack128, loop: softmaxBackLoop[float32]}
	fillMaskedForm  = elementwise{neon: fillMasked128, loop: fillMaskedLoop}
	maskLikeForm    = elementwise{neon: maskLike128, loop: maskLikeLoop[float32]}
	expm1Form       = elementwise{neon: expm1128, loop: of1(expm1One)}
	log1pForm       = elementwise{neon: log1p128, loop: of1(log1pOne)}
	softplusForm    = elementwise{neon: softplus128, loop: of1(softplusOne)}
	sigmoidForm     = elementwise{neon: sigmoid128, loop: of1(sigmoidOne)}
	tanhForm        = elementwise{neon: tanh128, loop: of1(tanhOne)}
	atanForm        = elementwise{neon: atan128, loop: of1(atan)}
	geluForm        = elementwise{neon: gelu128, loop: of1(geluOne)}
	sigmoidBackForm = elementwise{neon: sigmoidBack128, loop: of2(sigmoidBackOne)}
	tanhBackForm    = elementwise{neon: tanhBack128, loop: of2(tanhBackOne)}
	divScalarForm   = elementwise{neon: divScalar128, loop: divScalarLoop[float32]}
	signForm        = elementwise{neon: sign128, loop: signLoop[float32]}
	stepForm        = elementwise{neon: step128, loop: stepLoop}
	insideForm      = elementwise{neon: inside128, loop: insideLoop[float32]}
	fillForm        = elementwise{neon: fill128, loop: fillLoop[float32]}
	fillWhereForm   = elementwise{neon: fillWhere128, loop: fillWhereLoop[float32]}
	geluBackForm    = elementwise{neon: geluBack128, loop: of2(geluBackOne)}
)

// The forms of the sums in float64.
var (
	sumWideForm       = wideSum{neon: sumWide128, loop: sumWideLoop[float32]}
	sumUnmaskedForm   = wideSum{neon: sumUnmasked128, loop: sumUnmaskedLoop[float32]}
	countUnmaskedForm = wideSum{neon: countUnmasked128, loop: countUnmaskedLoop[float32]}
	dotWideForm       = wideSum{neon: dotWide128, loop: dotWideLoop[float32]}
)
