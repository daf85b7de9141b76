package optim

func init() {
	RegisterSchedule(ScheduleSpec{
		Name:   "constant",
		Doc:    "1; with warmup, the linear warm-up alone",
		Source: "definition; gradual warm-up: Goyal et al. (2017), section 2.2",
		Factor: func(Values, float64, float64) float64 { return 1 },
	})
}
