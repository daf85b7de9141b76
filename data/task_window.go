package data

import (
	"errors"
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// maxWindow is the widest window, far above what anybody reads by it.
const maxWindow = 1 << 16

// followingField is what a window that goes on beyond its target has there.
const followingField = "following"

// window has an example for every event that another one precedes: its context is the n
// events before it, fewer at the beginning, and, of running text with side=both, the n after
// it, in the field "following". Both are views of the one list of events.
func init() {
	RegisterTask(TaskSpec{
		Name: "window",
		Doc:  "a row is the n events before one, or of running text those on both sides of it, and its target that event",
		Params: []Param{
			{Name: "n", Doc: "events of a side that a context has at the most", Default: 4, Min: 1, Max: maxWindow, Integer: true, Probe: []float64{2}},
			{Name: "side", Doc: "before: what precedes the target; both: what follows it too, of running text alone", Choices: registry.Enum("before", "both"), DefaultString: "before"},
		},
		Train: func(v Values, d *Dataset) (*Examples, error) {
			if err := wantWindow(v, d); err != nil {
				return nil, err
			}
			e, err := d.windows(0, v.Int("n"), following(v))
			if err == nil && e.Len() == 0 {
				err = errNoNext
			}
			return e, err
		},
		Rank: func(v Values, d *Dataset, split string) (*Examples, error) {
			if err := wantWindow(v, d); err != nil {
				return nil, err
			}
			if d.Text {
				return rankText(d, split, v.Int("n"), following(v))
			}
			return rankEvents(d, split, v.Int("n"))
		},
		Contexts: func(v Values, d *Dataset, known int) (*Frame, error) {
			if err := wantWindow(v, d); err != nil {
				return nil, err
			}
			f := d.orderedContexts(known, v.Int("n"))
			if following(v) > 0 { // nothing follows on the last event
				x := newField(followingField, d.Items, f.Rows)
				x.Ordered = true
				f.Fields = append(f.Fields, x)
			}
			return f, nil
		},
		Spread: momentSpread,
		Recent: func(v Values) int { return v.Int("n") },
	})
}

// following returns how many events after its target a window has.
func following(v Values) int {
	if v.String("side") == "both" {
		return v.Int("n")
	}
	return 0
}

func wantWindow(v Values, d *Dataset) error {
	if err := d.wantHistories(); err != nil {
		return err
	}
	if following(v) > 0 && !d.Text {
		return errors.New("side=both is of running text, which --format text reads: what a user did after an event is not known when it is to be found")
	}
	return nil
}

// windows returns an example for each event of a part that another one precedes: the before
// events before it, and the after events after it, of the part too. Users who are held out are
// not among them.
func (d *Dataset) windows(part uint8, before, after int) (*Examples, error) {
	h := d.Histories
	if !d.Text {
		return d.trainWindows(before)
	}
	n := 0
	for u := range d.Users {
		if m := h.ptr[u+1] - h.ptr[u]; m > 1 && h.part(h.ptr[u]) == part { // a document is of one part
			n += m - 1
		}
	}
	e := &Examples{Sequence: historyField, Row: make([]int32, n), Targets: Targets{Class: make([]int32, n)}}
	user := Field{Name: userField, Size: d.Users, ID: make([]int32, n)}
	past := Field{Name: historyField, Size: d.Items, Lo: make([]int, n), Hi: make([]int, n), ID: h.item, Ordered: true}
	next := Field{Name: followingField, Size: d.Items, ID: h.item, Ordered: true}
	if after > 0 {
		next.Lo, next.Hi = make([]int, n), make([]int, n)
	}
	at := 0
	for u := range d.Users {
		lo, hi := h.ptr[u], h.ptr[u+1]
		if hi-lo < 2 || h.part(lo) != part {
			continue
		}
		for p := lo + 1; p < hi; p++ {
			e.Row[at], e.Targets.Class[at] = int32(at), h.item[p]
			user.ID[at], past.Lo[at], past.Hi[at] = int32(u), max(lo, p-before), p
			if after > 0 {
				next.Lo[at], next.Hi[at] = p+1, min(hi, p+1+after)
			}
			at++
		}
	}
	e.Context = &Frame{Rows: n, Fields: []Field{user, past}}
	if after > 0 {
		e.Context.Fields = append(e.Context.Fields, next)
	}
	e.Context.Fields = append(e.Context.Fields, fieldsAt(d.UserFields, user.ID)...)
	return e, nil
}

// trainWindows is windows of the train events of users.
func (d *Dataset) trainWindows(before int) (*Examples, error) {
	e := &Examples{Sequence: historyField, Seen: seenField}
	var views []view
	item := d.eachTrained(func(u, first, end int) {
		for at := first + 1; at < end; at++ {
			e.Row = append(e.Row, int32(len(views)))
			views = append(views, view{u, max(first, at-before), at})
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
}

// rankText is Rank of running text: an example is of each word of the split that another one
// precedes in its document, whatever it is: no ranking leaves a word out.
func rankText(d *Dataset, split string, before, after int) (*Examples, error) {
	part, err := splitNumber(split)
	if err != nil {
		return nil, err
	}
	e, err := d.windows(uint8(part), before, after)
	if err == nil {
		err = d.wantNextWord(part, e)
	}
	return e, err
}

// wantNextWord returns an error of a part of running text that has words, and no example of one
// beside another.
func (d *Dataset) wantNextWord(part int, e *Examples) error {
	if e.Len() > 0 || len(d.Parts()[part].Active()) == 0 {
		return nil
	}
	return fmt.Errorf("no document of %s has two words, one of which follows the other", partNames[part])
}
