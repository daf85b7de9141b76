//go:build !amd64 || purego

package kernel

// The forms of the elementwise functions.
var (
	addForm         = elementwise{loop: addLoop}
	subForm         = elementwise{loop: subLoop}
	mulForm         = elementwise{loop: mulLoop}
	divForm         = elementwise{loop: divLoop}
	addScalarForm   = elementwise{loop: addScalarLoop}
	mulScalarForm   = elementwise{loop: mulScalarLoop}
	scaleForm       = elementwise{loop: scaleLoop}
	squareForm      = elementwise{loop: squareLoop}
	sqrtForm        = elementwise{loop: of1(sqrt1)}
	absForm         = elementwise{loop: of1(abs1)}
	clampForm       = elementwise{loop: clampLoop}
	reluForm        = elementwise{loop: reluLoop}
	reluBackForm    = elementwise{loop: reluBackLoop}
	softmaxBackForm = elementwise{loop: softmaxBackLoop}
	fillMaskedForm  = elementwise{loop: fillMaskedLoop}
	maskLikeForm    = elementwise{loop: maskLikeLoop}
	expm1Form       = elementwise{loop: of1(expm1One)}
	log1pForm       = elementwise{loop: of1(log1pOne)}
	softplusForm    = elementwise{loop: of1(softplusOne)}
	sigmoidForm     = elementwise{loop: of1(sigmoidOne)}
	tanhForm        = elementwise{loop: of1(tanhOne)}
	atanForm        = elementwise{loop: of1(atan)}
	geluForm        = elementwise{loop: of1(geluOne)}
	sigmoidBackForm = elementwise{loop: of2(sigmoidBackOne)}
	tanhBackForm    = elementwise{loop: of2(tanhBackOne)}
	divScalarForm   = elementwise{loop: divScalarLoop}
	signForm        = elementwise{loop: signLoop}
	stepForm        = elementwise{loop: stepLoop}
	insideForm      = elementwise{loop: insideLoop}
	fillForm        = elementwise{loop: fillLoop}
	fillWhereForm   = elementwise{loop: fillWhereLoop}
	geluBackForm    = elementwise{loop: of2(geluBackOne)}
)

// The forms of the sums in float64.
var (
	sumWideForm       = wideSum{loop: sumWideLoop}
	sumUnmaskedForm   = wideSum{loop: sumUnmaskedLoop}
	countUnmaskedForm = wideSum{loop: countUnmaskedLoop}
	dotWideForm       = wideSum{loop: dotWideLoop}
)
