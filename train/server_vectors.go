package train

import (
	"fmt"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/models"
)

// Vectors are what a model scores by, for another program: the score of a user and an item is
// the product of their vectors, plus the item's bias.
type Vectors struct {
	Dim       int       // d
	UserIDs   []string  // as the files have them
	ItemIDs   []string  // likewise
	Users     []float32 // [len(UserIDs),Dim]
	Items     []float32 // [len(ItemIDs),Dim]
	ItemBias  []float32 // nil without
	Form      string    // of VectorForms
	ByProduct bool      // the run's loss ranks by the score; else by a map of it, as under spherical
	Words     bool      // a context is a word of running text, as task skipgram has it: UserIDs and Users are of words as contexts

	// UntrainedUsers and UntrainedItems are the places, ascending, whose vectors are the first
	// weights, since no training pair has moved them.
	UntrainedUsers, UntrainedItems []int32

	ByHistory bool // there are no vectors of users: a score is the product with x [len(ItemIDs)], 1 at what somebody has; of ease
}

// The forms of vectors.
const (
	ScoreVectors = "scores" // as scores are products of them: of norm 1 under cosine, users divided by the temperature
	RawVectors   = "raw"    // as the model makes them
	UnitVectors  = "unit"   // both of norm 1, without a bias: for a search by cosine
)

// VectorForms lists the choices.
func VectorForms() []string { return []string{ScoreVectors, RawVectors, UnitVectors} }

// Vectors returns those of all users, encoded with what the data set knows of them in any
// split, and of all items, in one of VectorForms. A head that scores no item by a vector of its
// own is an error.
func (s *Server) Vectors(form string) (*Vectors, error) {
	if err := checkForm(form); err != nil {
		return nil, err
	}
	if s.fitted != nil {
		return s.fittedVectors(form)
	}
	h := slices.Clone(s.h)
	if h == nil {
		var err error
		if h, err = s.encodeAll(); err != nil {
			return nil, err
		}
	}
	v := &Vectors{UntrainedUsers: s.blank, UntrainedItems: s.cold}
	for u := range s.set.Users {
		v.UserIDs = append(v.UserIDs, s.set.UserName(u))
	}
	for i := range s.set.Items {
		v.ItemIDs = append(v.ItemIDs, s.set.ItemName(i))
	}
	return v, s.of.fillVectors(v, h, form)
}

// Vectors returns those of a model on the data set that it was trained on: of users and items, as
// [Server.Vectors] has them, and where contexts are words of running text (task skipgram) of
// words as contexts and of words as classes. Contexts that are neither are
// an error.
func (t *Recommender) Vectors(set *data.Dataset, form string) (*Vectors, error) {
	if t.isMade() == nil && t.ofUsers() {
		s, err := t.Serve(set)
		if err != nil {
			return nil, err
		}
		return s.Vectors(form)
	}
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	if err := checkForm(form); err != nil {
		return nil, err
	}
	words, err := t.contexts.Field("user")
	if err != nil || words.ID != nil || t.contexts.Rows != set.Items {
		return nil, fmt.Errorf("train: the contexts of task %s are neither users nor words, whose vectors could be kept (as those of task skipgram are)", t.Plan.task())
	}
	rows := make([]int32, set.Items)
	v := &Vectors{Words: true}
	for i := range rows {
		rows[i] = int32(i)
		v.ItemIDs = append(v.ItemIDs, set.ItemName(i))
	}
	v.UserIDs, v.UntrainedItems = v.ItemIDs, set.ColdItems()
	v.UntrainedUsers = v.UntrainedItems
	h, err := t.Encode(rows)
	if err != nil {
		return nil, err
	}
	return v, t.fillVectors(v, h, form)
}

func checkForm(form string) error {
	if !slices.Contains(VectorForms(), form) {
		return fmt.Errorf("train: unknown form of vectors %q; the choices are %v", form, VectorForms())
	}
	return nil
}

// fillVectors puts encodings h, which it writes to, and the vectors of classes into v.
func (t *Recommender) fillVectors(v *Vectors, h []float32, form string) error {
	w, err := t.ClassScores()
	if err != nil {
		return err
	}
	v.Dim, v.Users, v.Items, v.Form, v.ByProduct = w.Dim, h, slices.Clone(w.W), form, true
	if loss := t.Plan.Choice.Loss.Spec; loss != nil {
		v.ByProduct = loss.Rank == nil
	}
	switch form {
	case ScoreVectors:
		v.ItemBias = slices.Clone(w.Bias)
		if w.Cosine {
			kernel.NormalizeRows(h, h, w.Dim)
		}
		for i := range h {
			h[i] = float32(float64(h[i]) / w.Temperature)
		}
	case RawVectors:
		v.ItemBias = slices.Clone(w.Bias)
		if w.Cosine { // else they are the model's already
			if v.Items, err = models.ClassVectors(t.Model, t.classes); err != nil {
				return err
			}
			v.Items = slices.Clone(v.Items)
		}
	case UnitVectors:
		kernel.NormalizeRows(h, h, w.Dim)
		kernel.NormalizeRows(v.Items, v.Items, w.Dim)
	}
	return nil
}

// Trained leaves out the vectors that are first weights.
func (v *Vectors) Trained() {
	v.UserIDs, v.Users = without(v.UntrainedUsers, v.UserIDs, 1), without(v.UntrainedUsers, v.Users, v.Dim)
	v.ItemIDs, v.Items = without(v.UntrainedItems, v.ItemIDs, 1), without(v.UntrainedItems, v.Items, v.Dim)
	if v.ItemBias != nil {
		v.ItemBias = without(v.UntrainedItems, v.ItemBias, 1)
	}
	v.UntrainedUsers, v.UntrainedItems = nil, nil
}

// without returns the rows of x [n,dim] that are not among the ascending ones.
func without[T any](rows []int32, x []T, dim int) []T {
	if len(rows) == 0 {
		return x
	}
	kept := make([]T, 0, max(0, len(x)-len(rows)*dim))
	for i := range len(x) / max(dim, 1) {
		if len(rows) > 0 && rows[0] == int32(i) {
			rows = rows[1:]
			continue
		}
		kept = append(kept, x[i*dim:(i+1)*dim]...)
	}
	return kept
}
