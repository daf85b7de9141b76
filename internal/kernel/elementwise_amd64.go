//go:build amd64 && !purego

package kernel

// The forms of the elementwise functions.
var (
	addForm         = elementwise{add512, add256, addLoop[float32]}
	subForm         = elementwise{sub512, sub256, subLoop[float32]}
	mulForm         = elementwise{mul512, mul256, mulLoop[float32]}
	divForm         = elementwise{div512, div256, divLoop[float32]}
	addScalarForm   = elementwise{addScalar512, addScalar256, addScalarLoop[float32]}
	mulScalarForm   = elementwise{mulScalar512, mulScalar256, mulScalarLoop[float32]}
	scaleForm       = elementwise{scale512, scale256, scaleLoop}
	squareForm      = elementwise{square512, square256, squareLoop}
	sqrtForm        = elementwise{sqrt512, sqrt256, of1(sqrt1)}
	absForm         = elementwise{abs512, abs256, of1(abs1)}
	clampForm       = elementwise{clamp512, clamp256, clampLoop}
	reluForm        = elementwise{relu512, relu256, reluLoop}
	reluBackForm    = elementwise{reluBack512, reluBack256, reluBackLoop[float32]}
	softmaxBackForm = elementwise{softmaxBack512, softmaxBack256, softmaxBackLoop[float32]}
	fillMaskedForm  = elementwise{fillMasked512, fillMasked256, fillMaskedLoop}
	maskLikeForm    = elementwise{maskLike512, maskLike256, maskLikeLoop[float32]}
	expm1Form       = elementwise{expm1512, expm1256, of1(expm1One)}
	log1pForm       = elementwise{log1p512, log1p256, of1(log1pOne)}
	softplusForm    = elementwise{softplus512, softplus256, of1(softplusOne)}
	sigmoidForm     = elementwise{sigmoid512, sigmoid256, of1(sigmoidOne)}
	tanhForm        = elementwise{tanh512, tanh256, of1(tanhOne)}
	atanForm        = elementwise{atan512, atan256, of1(atan)}
	geluForm        = elementwise{gelu512, gelu256, of1(geluOne)}
	sigmoidBackForm = elementwise{sigmoidBack512, sigmoidBack256, of2(sigmoidBackOne)}
	tanhBackForm    = elementwise{tanhBack512, tanhBack256, of2(tanhBackOne)}
	divScalarForm   = elementwise{divScalar512, divScalar256, divScalarLoop[float32]}
	signForm        = elementwise{sign512, sign256, signLoop[float32]}
	stepForm        = elementwise{step512, step256, stepLoop}
	insideForm      = elementwise{inside512, inside256, insideLoop[float32]}
	fillForm        = elementwise{fill512, fill256, fillLoop[float32]}
	fillWhereForm   = elementwise{fillWhere512, fillWhere256, fillWhereLoop[float32]}
	geluBackForm    = elementwise{geluBack512, geluBack256, of2(geluBackOne)}
)

// The forms of the sums in float64.
var (
	sumWideForm       = wideSum{sumWide512, sumWide256, sumWideLoop[float32]}
	sumUnmaskedForm   = wideSum{sumUnmasked512, sumUnmasked256, sumUnmaskedLoop[float32]}
	countUnmaskedForm = wideSum{countUnmasked512, countUnmasked256, countUnmaskedLoop[float32]}
	dotWideForm       = wideSum{dotWide512, dotWide256, dotWideLoop[float32]}
)
