package optim

import "math"

func init() {
	RegisterSchedule(ScheduleSpec{
		Name:   "step",
		Doc:    "gamma^⌊t/every⌋: a drop each `every` epochs",
		Source: "He et al.: Deep residual learning (2016), section 3.4, in general form",
		Params: []Param{
			{Name: "every", Doc: "epochs between drops", Default: 10, Min: 1e-3, Max: math.Inf(1), Probe: []float64{1.5}},
			{Name: "gamma", Doc: "factor of a drop", Default: 0.1, Min: 0, Max: 1, Probe: []float64{0.5}},
		},
		Factor: func(v Values, t, _ float64) float64 {
			return math.Pow(v.Num("gamma"), math.Floor(t/v.Num("every")))
		},
	})
}
