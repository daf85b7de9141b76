package data

func init() {
	RegisterTask(TaskSpec{
		Name: "pair",
		Doc:  "a row is one interaction: its user, and its item as the target",
		Train: func(_ Values, d *Dataset) (*Examples, error) {
			x := d.Train
			e := &Examples{Context: d.Contexts(), Row: make([]int32, x.Len()), Targets: Targets{Class: x.item}, Seen: historyField}
			for u := range x.users {
				for p := x.ptr[u]; p < x.ptr[u+1]; p++ {
					e.Row[p] = int32(u)
				}
			}
			return e, nil
		},
		Rank: rankUsers,
	})
}
