package data

func init() {
	RegisterTask(TaskSpec{
		Name: "user",
		Doc:  "a row is a user, whose target is all items of the train set at the same weight",
		Train: func(_ Values, d *Dataset) (*Examples, error) {
			e := &Examples{Context: d.Contexts(), Seen: historyField}
			e.Row, e.Targets = d.Train.targets()
			return e, nil
		},
		Rank: rankUsers,
	})
}
