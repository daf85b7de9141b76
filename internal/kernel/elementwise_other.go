//go:build (!amd64 && !arm64) || purego

package kernel

// The forms of the elementwise functions.
var (
	addForm         = elementwise{loop: addLoop[float32]}
	subForm         = elementwise{loop: subLoop[float32]}
	mulForm         = elementwise{loop: mulLoop[float32]}
	divForm         = elementwise{loop: divLoop[float32]}
	addScalarForm   = elementwise{loop: addScalarLoop[float32]}
	mulScalarForm   = elementwise{loop: mulScalarLoop[float32]}
	scaleForm       = elementwise{loop: scaleLoop}
	squareForm      = elementwise{loop: squareLoop}
	sqrtForm        = elementwise{loop: of1(sqrt1)}
	absForm         = elementwise{loop: of1(abs1)}
	clampForm       = elementwise{loop: clampLoop}
	reluForm        = elementwise{loop: reluLoop}
	reluBackForm    = elementwise{loop: reluBackLoop[float32]}
	softmaxBackForm = elementwise{loop: softmaxBackLoop[float32]}
	fillMaskedForm  = elementwise{loop: fillMaskedLoop}
	maskLikeForm    = elementwise{loop: maskLikeLoop[float32]}
	expm1Form       = elementwise{loop: of1(expm1One)}
	log1pForm       = elementwise{loop: of1(log1pOne)}
	softplusForm    = elementwise{loop: of1(softplusOne)}
	sigmoidForm     = elementwise{loop: of1(sigmoidOne)}
	tanhForm        = elementwise{loop: of1(tanhOne)}
	atanForm        = elementwise{loop: of1(atan)}
	geluForm        = elementwise{loop: of1(geluOne)}
	sigmoidBackForm = elementwise{loop: of2(sigmoidBackOne)}
	tanhBackForm    = elementwise{loop: of2(tanhBackOne)}
	divScalarForm   = elementwise{loop: divScalarLoop[float32]}
	signForm        = elementwise{loop: signLoop[float32]}
	stepForm        = elementwise{loop: stepLoop}
	insideForm      = elementwise{loop: insideLoop[float32]}
	fillForm        = elementwise{loop: fillLoop[float32]}
	fillWhereForm   = elementwise{loop: fillWhereLoop[float32]}
	geluBackForm    = elementwise{loop: of2(geluBackOne)}
)

// The forms of the sums in float64.
var (
	sumWideForm       = wideSum{loop: sumWideLoop[float32]}
	sumUnmaskedForm   = wideSum{loop: sumUnmaskedLoop[float32]}
	countUnmaskedForm = wideSum{loop: countUnmaskedLoop[float32]}
	dotWideForm       = wideSum{loop: dotWideLoop[float32]}
)
