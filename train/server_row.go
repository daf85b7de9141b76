package train

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
)

// A rowEncoder encodes one context at a time: its graph reads a frame of one row, whose
// fields are made those of the row that is asked for.
type rowEncoder struct {
	frame *data.Frame
	most  []int // ids that a field has room for
	enc   *models.Encoder
}

// The shortest history that a rowEncoder is made for. Longer ones have one of twice the room.
const leastHistory = 64

// encode returns the encoding of a row of f, whose fields are those of s.contexts.
func (s *Server) encode(r *ranking, f *data.Frame, row int) ([]float32, error) {
	e, _ := s.encoders.Get().(*rowEncoder)
	if e == nil || !e.holds(f, row) {
		var err error
		if e, err = s.newRowEncoder(f, row); err != nil {
			return nil, err
		}
	}
	defer s.encoders.Put(e)
	e.take(f, row)
	d := s.of.Model.Dim()
	r.h = slices.Grow(r.h[:0], d)[:d]
	return r.h, e.enc.Encode(r.h, []int32{0})
}

// holds reports whether the graph has room for a row.
func (e *rowEncoder) holds(f *data.Frame, row int) bool {
	for i := range f.Fields {
		if f.Fields[i].Len(row) > e.most[i] {
			return false
		}
	}
	return true
}

// take makes the frame's row that of f.
func (e *rowEncoder) take(f *data.Frame, row int) {
	for i := range f.Fields {
		from, to := &f.Fields[i], &e.frame.Fields[i]
		switch {
		case from.Lo != nil:
			to.Lo, to.Hi, to.ID, to.Value = from.Lo[row:row+1], from.Hi[row:row+1], from.ID, from.Value
		default:
			to.ID[0] = from.One(row)
			if from.Value != nil {
				to.Value = from.Value[row : row+1]
			}
		}
	}
}

// newRowEncoder compiles one for rows of the fields of s.contexts: of features with room for
// the longest of a user, of histories for that of row and, with that, for the next power of two.
func (s *Server) newRowEncoder(f *data.Frame, row int) (*rowEncoder, error) {
	e := &rowEncoder{frame: &data.Frame{Rows: 1}}
	for i := range s.contexts.Fields {
		x := s.contexts.Fields[i]
		if f.Fields[i].Name != x.Name {
			return nil, fmt.Errorf("train: a context of the fields %q, not %q", f.Fields[i].Name, x.Name)
		}
		most := 1
		switch {
		case x.Lo == nil:
			x.ID = []int32{0}
			if x.Value != nil {
				x.Value = x.Value[:1:1]
			}
		case x.Ordered: // the last ones that the task reads
			most = s.of.Plan.Task.Spec.Recent(s.of.Plan.Task.Values)
			x.Lo, x.Hi, x.ID = []int{0}, []int{most}, make([]int32, most)
		case slices.Contains([]string{"history", "seen"}, x.Name):
			for most = leastHistory; most < f.Fields[i].Len(row); most *= 2 {
			}
			x.Lo, x.Hi, x.ID = []int{0}, []int{most}, make([]int32, most)
		default:
			longest := 0
			for u := range s.contexts.Rows {
				if x.Len(u) > x.Len(longest) {
					longest = u
				}
			}
			if most = x.Len(longest); f.Fields[i].Len(row) > most { // of somebody else
				x, longest = f.Fields[i], row
				most = x.Len(row)
			}
			x.Lo, x.Hi = x.Lo[longest:longest+1], x.Hi[longest:longest+1]
		}
		e.frame.Fields, e.most = append(e.frame.Fields, x), append(e.most, most)
	}
	var err error
	e.enc, err = models.NewEncoder(s.of.Model, e.frame, 1)
	return e, err
}
