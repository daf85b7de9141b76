package data

func init() {
	RegisterTask(TaskSpec{
		Name: "user",
		Doc:  "a row is a user, whose target is all items of the train set at the same weight",
		Train: func(d *Dataset) (*Examples, error) {
			x := d.Train
			e := &Examples{Context: d.Contexts(), Targets: Targets{Ptr: []int32{0}, Class: x.item}, Seen: "history"}
			for u := range x.users {
				if len(x.ItemsOf(u)) > 0 {
					e.Row = append(e.Row, int32(u))
					e.Targets.Ptr = append(e.Targets.Ptr, int32(x.ptr[u+1]))
				}
			}
			return e, nil
		},
	})
}
