package kernel

// apartRow is the mean over the targets, by their weights, of a loss of the row without the
// other targets.
func apartRow(row func(dz, z, t []float64) float64) func(dz, z, t []float64) float64 {
	return func(dz, z, t []float64) (l float64) {
		clear(dz)
		for y, w := range t {
			if w == 0 {
				continue
			}
			var at []int
			var few, label []float64
			for j, s := range z {
				if j == y || t[j] == 0 {
					own := 0.0
					if j == y {
						own = 1
					}
					at, few, label = append(at, j), append(few, s), append(label, own)
				}
			}
			d := make([]float64, len(few))
			l += w * row(d, few, label)
			for k, j := range at {
				dz[j] += w * d[k]
			}
		}
		return l
	}
}

// apartCases are losses in which the other targets of a row are no classes.
func apartCases() []lossCase {
	surrogate := Surrogate{Tanh, 2, 1.5, 1e-6}
	return []lossCase{
		{Stream(LogSumExpRivals{Tau: 0.4, Value: lead, Apart: true}), apartRow(rivalsRow(LogSumExpRivals{Tau: 0.4, Value: lead}))},
		{StreamApart(surrogate), apartRow(surrogateRow(surrogate))},
		{StreamApart(Weighted{}), apartRow(weightedRow())},
		{StreamApart(Pairwise{}), apartRow(pairwiseRow())},
		{Rankmax{Margin: 1, Apart: true}, apartRow(rankmaxRow(1))},
		{Perceptron{Apart: true}, apartRow(perceptronRow)},
		{CrammerSinger{Margin: 1, Apart: true}, apartRow(crammerSingerRow(1))},
	}
}
