//go:build amd64 && !purego

package kernel

// The forms of the elementwise functions.
var (
	addForm         = elementwise{avx512: add512, avx2: add256, loop: addLoop[float32]}
	subForm         = elementwise{avx512: sub512, avx2: sub256, loop: subLoop[float32]}
	mulForm         = elementwise{avx512: mul512, avx2: mul256, loop: mulLoop[float32]}
	divForm         = elementwise{avx512: div512, avx2: div256, loop: divLoop[float32]}
	addScalarForm   = elementwise{avx512: addScalar512, avx2: addScalar256, loop: addScalarLoop[float32]}
	mulScalarForm   = elementwise{avx512: mulScalar512, avx2: mulScalar256, loop: mulScalarLoop[float32]}
	scaleForm       = elementwise{avx512: scale512, avx2: scale256, loop: scaleLoop}
	squareForm      = elementwise{avx512: square512, avx2: square256, loop: squareLoop}
	sqrtForm        = elementwise{avx512: sqrt512, avx2: sqrt256, loop: of1(sqrt1)}
	absForm         = elementwise{avx512: abs512, avx2: abs256, loop: of1(abs1)}
	clampForm       = elementwise{avx512: clamp512, avx2: clamp256, loop: clampLoop}
	reluForm        = elementwise{avx512: relu512, avx2: relu256, loop: reluLoop}
	reluBackForm    = elementwise{avx512: reluBack512, avx2: reluBack256, loop: reluBackLoop[float32]}
	softmaxBackForm = elementwise{avx512: softmaxBack512, avx2: softmaxBack256, loop: softmaxBackLoop[float32]}
	fillMaskedForm  = elementwise{avx512: fillMasked512, avx2: fillMasked256, loop: fillMaskedLoop}
	maskLikeForm    = elementwise{avx512: maskLike512, avx2: maskLike256, loop: maskLikeLoop[float32]}
	expm1Form       = elementwise{avx512: expm1512, avx2: expm1256, loop: of1(expm1One)}
	log1pForm       = elementwise{avx512: log1p512, avx2: log1p256, loop: of1(log1pOne)}
	softplusForm    = elementwise{avx512: softplus512, avx2: softplus256, loop: of1(softplusOne)}
	sigmoidForm     = elementwise{avx512: sigmoid512, avx2: sigmoid256, loop: of1(sigmoidOne)}
	tanhForm        = elementwise{avx512: tanh512, avx2: tanh256, loop: of1(tanhOne)}
	atanForm        = elementwise{avx512: atan512, avx2: atan256, loop: of1(atan)}
	geluForm        = elementwise{avx512: gelu512, avx2: gelu256, loop: of1(geluOne)}
	sigmoidBackForm = elementwise{avx512: sigmoidBack512, avx2: sigmoidBack256, loop: of2(sigmoidBackOne)}
	tanhBackForm    = elementwise{avx512: tanhBack512, avx2: tanhBack256, loop: of2(tanhBackOne)}
	divScalarForm   = elementwise{avx512: divScalar512, avx2: divScalar256, loop: divScalarLoop[float32]}
	signForm        = elementwise{avx512: sign512, avx2: sign256, loop: signLoop[float32]}
	stepForm        = elementwise{avx512: step512, avx2: step256, loop: stepLoop}
	insideForm      = elementwise{avx512: inside512, avx2: inside256, loop: insideLoop[float32]}
	fillForm        = elementwise{avx512: fill512, avx2: fill256, loop: fillLoop[float32]}
	fillWhereForm   = elementwise{avx512: fillWhere512, avx2: fillWhere256, loop: fillWhereLoop[float32]}
	geluBackForm    = elementwise{avx512: geluBack512, avx2: geluBack256, loop: of2(geluBackOne)}
)

// The forms of the sums in float64.
var (
	sumWideForm       = wideSum{avx512: sumWide512, avx2: sumWide256, loop: sumWideLoop[float32]}
	sumUnmaskedForm   = wideSum{avx512: sumUnmasked512, avx2: sumUnmasked256, loop: sumUnmaskedLoop[float32]}
	countUnmaskedForm = wideSum{avx512: countUnmasked512, avx2: countUnmasked256, loop: countUnmaskedLoop[float32]}
	dotWideForm       = wideSum{avx512: dotWide512, avx2: dotWide256, loop: dotWideLoop[float32]}
)
