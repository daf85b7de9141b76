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
			e, err := d.windows(0, recent(v), 0)
			if err == nil && e.Len() == 0 {
				err = errNoNext
			}
			return e, err
		},
		Rank:   rankOrdered,
		Spread: momentSpread,
		Recent: recent,
	})
}
