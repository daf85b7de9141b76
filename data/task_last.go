package data

// last has an example for every event but the first: its context is a history of its
// own, the len events before it. Each is encoded by itself, as any model can; next encodes
// all events of a window in one pass.
func init() {
	RegisterTask(TaskSpec{
		Name:   "last",
		Doc:    "a row is a history of at most len events, the beginning of a user's, and its target the event that follows",
		Params: []Param{lenParam()},
		Train: func(v Values, d *Dataset) (*Examples, error) {
			if err := d.wantHistories(); err != nil {
				return nil, err
			}
			e := &Examples{Sequence: historyField, Seen: seenField}
			var views []view
			item := d.eachTrained(func(u, first, end int) {
				for at := first + 1; at < end; at++ {
					e.Row = append(e.Row, int32(len(views)))
					views = append(views, view{u, max(first, at-recent(v)), at})
				}
			})
			if views == nil {
				return nil, errNoNext
			}
			e.Targets.Class = make([]int32, len(views))
			for i, x := range views {
				e.Targets.Class[i] = item[x.hi]
			}
			e.Context = d.frameOf(item, views, 1)
			return e, nil
		},
		Rank:   rankOrdered,
		Spread: momentSpread,
		Recent: recent,
	})
}
