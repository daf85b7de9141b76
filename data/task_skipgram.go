package data

import "errors"

// skipgram pairs each word of running text with each of the n words before it and after it:
// the context is the centre word alone, which is the row of the frame and its field "user",
// so that a model that has a vector for each user, mf, has one for each word. The classes
// that follow are the words around it.
//
// Source: Mikolov, Chen, Corrado, Dean 2013, arXiv:1301.3781, §3.2, with every pair at the same
// weight in place of windows of random width.
func init() {
	RegisterTask(TaskSpec{
		Name:   "skipgram",
		Doc:    "a row is a word of running text and its target one of the n words before it or after it; models of users, as mf, have a vector for each word",
		Params: []Param{{Name: "n", Doc: "words of a side", Default: 5, Min: 1, Max: maxWindow, Integer: true, Probe: []float64{1}}},
		Train: func(v Values, d *Dataset) (*Examples, error) {
			e, err := d.skipgrams("train", v.Int("n"))
			if err == nil && e.Len() == 0 {
				err = errNoNext
			}
			return e, err
		},
		Rank: func(v Values, d *Dataset, split string) (*Examples, error) {
			e, err := d.skipgrams(split, v.Int("n"))
			if err == nil {
				part, _ := splitNumber(split) // known, since it gave examples
				err = d.wantNextWord(part, e)
			}
			return e, err
		},
		Contexts: func(_ Values, d *Dataset, _ int) (*Frame, error) { return d.wordContexts() },
		Spread:   momentSpread,
	})
}

// wordContexts returns the frame of which row w is word w.
func (d *Dataset) wordContexts() (*Frame, error) {
	if !d.Text {
		return nil, errors.New("the set is no running text, which --format text reads")
	}
	return &Frame{Rows: d.Items, Fields: []Field{{Name: userField, Size: d.Items}}}, nil
}

func (d *Dataset) skipgrams(split string, n int) (*Examples, error) {
	part, err := splitNumber(split)
	if err != nil {
		return nil, err
	}
	e := &Examples{}
	if e.Context, err = d.wordContexts(); err != nil {
		return nil, err
	}
	h := d.Histories
	each := func(f func(centre, word int32)) {
		for u := range d.Users {
			words := h.Of(u)
			if len(words) == 0 || int(h.part(h.ptr[u])) != part {
				continue
			}
			for p, w := range words {
				for q := max(0, p-n); q < min(len(words), p+n+1); q++ {
					if q != p {
						f(w, words[q])
					}
				}
			}
		}
	}
	pairs := 0
	each(func(_, _ int32) { pairs++ })
	e.Row, e.Targets.Class = make([]int32, 0, pairs), make([]int32, 0, pairs)
	each(func(centre, word int32) {
		e.Row, e.Targets.Class = append(e.Row, centre), append(e.Targets.Class, word)
	})
	return e, nil
}
