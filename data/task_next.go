package data

import "fmt"

// next has an example at every event of a window of a user's history, which the event
// after it is the target of: a model that knows order encodes all of them in one pass.
// A window has len events; unless stride is given there is one a user, of the last
// events. With stride the windows begin so many events apart, back to the first event, and a
// target that several of them hold counts in the one that knows most of what came
// before it, so that each event but the first is a target once. Of
// running text the last window of a document is not what it is about: 0 is stride=len there.
func init() {
	RegisterTask(TaskSpec{
		Name: "next",
		Doc:  "a row is each event of a user's last len, in one pass, and its target the event that follows",
		Params: []Param{
			lenParam(),
			{Name: "stride", Doc: "events between the ends of windows; 0 is the last window alone, and of running text len", Min: 0, Max: maxLen, Integer: true, Probe: []float64{2}},
		},
		Train: func(v Values, d *Dataset) (*Examples, error) {
			if err := d.wantHistories(); err != nil {
				return nil, err
			}
			length, stride := recent(v), v.Int("stride")
			if d.Text && stride == 0 {
				stride = length
			}
			if stride > length {
				return nil, fmt.Errorf("stride=%d is above len=%d, and events between two windows would be in none; want at most len", stride, length)
			}
			e := &Examples{Sequence: historyField, Seen: d.leftOut()}
			var views []view
			var from []int // the first event of each window that is scored there
			item := d.eachTrained(func(u, first, end int) {
				for at := end - 1; at > first; at -= stride {
					begin := max(first, at-length)
					scored := begin
					if stride > 0 && begin > first {
						scored = at - stride
					}
					views, from = append(views, view{u, begin, at}), append(from, scored)
					if stride == 0 || begin == first {
						return
					}
				}
			})
			if views == nil {
				return nil, errNoNext
			}
			for w, x := range views {
				for p := from[w]; p < x.hi; p++ {
					e.Row, e.Place = append(e.Row, int32(w)), append(e.Place, int32(p-x.lo))
					e.Targets.Class = append(e.Targets.Class, item[p+1])
				}
			}
			e.Context = d.frameOf(item, views, 1)
			return e, nil
		},
		Rank:   rankOrdered,
		Spread: momentSpread,
		Recent: recent,
	})
}
