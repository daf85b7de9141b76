package optim

import "math"

func init() {
	RegisterSchedule(ScheduleSpec{
		Name:   "cosine",
		Doc:    "final + (1−final)·½(1 + cos πt/T)",
		Source: "Loshchilov, Hutter: SGDR (2017), eq. 5, without restarts",
		Params: []Param{{Name: "final", Doc: "factor that t = T would reach", Min: 0, Max: 1, Probe: []float64{0.1}}},
		Factor: func(v Values, t, T float64) float64 {
			f := v.Num("final")
			return f + (1-f)*(1+math.Cos(math.Pi*t/T))/2
		},
	})
}
