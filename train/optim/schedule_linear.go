package optim

func init() {
	RegisterSchedule(ScheduleSpec{
		Name:   "linear",
		Doc:    "1 − (1−final)·t/T",
		Source: "definition",
		Params: []Param{{Name: "final", Doc: "factor that t = T would reach", Min: 0, Max: 1, Probe: []float64{0.1}}},
		Factor: func(v Values, t, T float64) float64 { return 1 - (1-v.Num("final"))*t/T },
	})
}
