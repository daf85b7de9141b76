package als

import "fmt"

// A Fold solves for users whom no sweep has seen, by factors of classes that stay as they
// are: each is the minimiser that the user would have in the next half-sweep. It is immutable
// and safe for concurrent use.
type Fold struct {
	cfg     Config
	classes int
	class   []float64 // [C,d]
	moments           // as the systems of users have them
}

// NewFold returns a Fold by the factors class [C,d], of which it keeps a copy in float64.
func NewFold(cfg Config, class []float32) (*Fold, error) {
	if cfg.Dim < 1 || len(class) == 0 || len(class)%cfg.Dim != 0 {
		return nil, fmt.Errorf("als: %d numbers are no factors of width %d", len(class), cfg.Dim)
	}
	f := &Fold{cfg: cfg, classes: len(class) / cfg.Dim, class: make([]float64, len(class))}
	for i, v := range class {
		f.class[i] = float64(v)
	}
	f.moments = f.solver(Positives{Ptr: []int{0, 0}}).ofUsers()
	return f, nil
}

// User returns the factors [d] of a user with these positives, rising classes, and weights, as
// Positives has them; nil is 1 each.
func (f *Fold) User(classes []int32, weights []float32) ([]float64, error) {
	if weights != nil && len(weights) != len(classes) {
		return nil, fmt.Errorf("als: %d weights for %d positives", len(weights), len(classes))
	}
	for i, c := range classes {
		if c < 0 || int(c) >= f.classes {
			return nil, fmt.Errorf("als: positive %d is class %d of %d", i, c, f.classes)
		}
	}
	s := f.solver(Positives{Ptr: []int{0, len(classes)}, Col: classes, Weight: weights})
	x := &side{name: "user", x: make([]float64, f.cfg.Dim), rows: s.users, lambda: []float64{s.regUser(0)}, weight: s.omega, f: f.class, moments: f.moments}
	if err := s.newWork().solve(x, 0, f.cfg.Objective, nil); err != nil {
		return nil, fmt.Errorf("als: %w", err)
	}
	return x.x, nil
}

// solver returns a solver of one user, with no factors but the classes'.
func (f *Fold) solver(user Positives) *Solver {
	return &Solver{Class: f.class, cfg: f.cfg, users: user, classes: Positives{Ptr: make([]int, f.classes+1)}, omega: []float64{f.cfg.Objective.weightOf(user, 0)}}
}
