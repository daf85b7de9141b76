package train

import (
	"fmt"
	"slices"

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
	ByHistory bool      // there are no vectors of users: a score is the product with x [len(ItemIDs)], 1 at what somebody has; of ease
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
	if !slices.Contains(VectorForms(), form) {
		return nil, fmt.Errorf("train: unknown form of vectors %q; the choices are %v", form, VectorForms())
	}
	if s.fitted != nil {
		return s.fittedVectors(form)
	}
	w, err := s.of.ClassScores()
	if err != nil {
		return nil, err
	}
	h := slices.Clone(s.h)
	if h == nil {
		if h, err = s.encodeAll(); err != nil {
			return nil, err
		}
	}
	v := &Vectors{Dim: w.Dim, Users: h, Items: slices.Clone(w.W), Form: form, ByProduct: true}
	if loss := s.of.Plan.Choice.Loss.Spec; loss != nil {
		v.ByProduct = loss.Rank == nil
	}
	for u := range s.set.Users {
		v.UserIDs = append(v.UserIDs, s.set.UserName(u))
	}
	for i := range s.set.Items {
		v.ItemIDs = append(v.ItemIDs, s.set.ItemName(i))
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
			if v.Items, err = models.ClassVectors(s.of.Model, s.of.classes); err != nil {
				return nil, err
			}
			v.Items = slices.Clone(v.Items)
		}
	case UnitVectors:
		kernel.NormalizeRows(h, h, w.Dim)
		kernel.NormalizeRows(v.Items, v.Items, w.Dim)
	}
	return v, nil
}
