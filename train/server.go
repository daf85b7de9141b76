package train

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
)

// A Server answers queries by what a run reached: its weights, and the data set that the run
// has kept. It is immutable and safe for concurrent use, and the same query has the same
// answer whoever asks beside it. It stays in memory until nobody holds it; [Live] exchanges
// one for another while queries go on.
type Server struct {
	of       *Recommender
	set      *data.Dataset
	contexts *data.Frame // row u is user u, of whom all is known
	seen     func(row int32) []int32
	left     []int32  // classes that no answer holds
	cold     []int32  // classes whose vectors nothing has moved
	blank    []int32  // users of whom the model has nothing but the row of weights that it began with
	fields   []string // that the model reads of contexts
	reads    bool     // histories among them
	h        []float32
	rankers  sync.Pool
	encoders sync.Pool // of *rowEncoder
	shared   models.Ranker
	fitted   baseline.Fitted // in place of ranker and encoders under solver fit
	fold     folding
	items    vectors
	users    vectors
}

// OpenRecommender returns what answers queries by the run in a folder. The folder is all that
// it needs: the files of the data set may be gone.
func OpenRecommender(dir string) (*Server, error) {
	set, err := OpenSet(dir)
	if err != nil {
		return nil, err
	}
	t, err := Open(dir, set)
	if err != nil {
		return nil, err
	}
	return t.Serve(set)
}

// Serve returns what answers queries by t, on the data set that t was trained on. Its weights
// are not to be trained, or written to, from then on.
func (t *Recommender) Serve(set *data.Dataset) (*Server, error) {
	if t.isMade() == nil && t.Plan == nil {
		return nil, errors.New("train: a model that Fit trained has no settings to serve by; Run trains one that has")
	}
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	if !t.ofUsers() {
		return nil, fmt.Errorf("train: the contexts of task %s are no users, whom a server answers; fenchel similar, or Recommender.Similar, finds what is alike", t.Plan.task())
	}
	s := &Server{of: t, set: set}
	if s.left, err = leftOut(set, t.items()); err != nil {
		return nil, err
	}
	if s.contexts, err = t.Plan.task().Contexts(set, len(data.Splits())); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	if s.seen, err = seenOf(&data.Examples{Context: s.contexts, Seen: t.Plan.task().SeenOf(set)}); err != nil {
		return nil, err
	}
	if s.cold, err = t.unmoved(set); err != nil {
		return nil, err
	}
	reads, err := t.Reads()
	if err != nil {
		return nil, err
	}
	s.fields = reads
	s.reads = slices.Contains(reads, "history")
	if slices.Contains(reads, "user") && !s.reads {
		s.blank = blankUsers(set, reads)
	}
	if t.Plan.fits() {
		if s.fitted = t.fitted; s.fitted == nil {
			return nil, errors.New("train: the model was not fitted yet")
		}
		s.rankers.New = func() any { return new(ranking) }
		return s, nil
	}
	for _, table := range t.tables {
		table.Frozen = true
	}
	if s.shared, err = t.Head.Ranker(t.Model, t.classes); err != nil {
		return nil, err
	}
	s.rankers.New = func() any { return &ranking{ranker: s.shared.Share()} }
	if !s.reads { // an encoding each, for good
		s.h, err = s.encodeAll()
	}
	return s, err
}

// Blank returns the users of set of whom t has nothing but the row of weights that it began with,
// ascending: no training pair, and no feature that the model reads. Their ranking by [Recommender.Predict] is
// chance; [Server.Recommend] folds them in by what else the set knows of them.
func (t *Recommender) Blank(set *data.Dataset) ([]int32, error) {
	set, err := t.on(set)
	if err != nil {
		return nil, err
	}
	reads, err := t.Reads()
	if err != nil || !t.ofUsers() || !slices.Contains(reads, "user") || slices.Contains(reads, "history") {
		return nil, err
	}
	return blankUsers(set, reads), nil
}

// blankUsers returns the users without a training pair who have none of the features that a
// model reads, ascending.
func blankUsers(set *data.Dataset, reads []string) (all []int32) {
	for u := range set.Users {
		known := len(set.Train.ItemsOf(u)) > 0
		for i := range set.UserFields {
			f := &set.UserFields[i]
			known = known || slices.Contains(reads, f.Name) && f.Len(u) > 0 && (f.Lo != nil || f.One(u) >= 0)
		}
		if !known {
			all = append(all, int32(u))
		}
	}
	return all
}

// encodeAll returns the encodings [U,d] of all users.
func (s *Server) encodeAll() ([]float32, error) {
	rows := make([]int32, s.set.Users)
	for u := range rows {
		rows[u] = int32(u)
	}
	enc, err := models.NewEncoder(s.of.Model, s.contexts, encoderRows)
	if err != nil {
		return nil, err
	}
	h := make([]float32, len(rows)*s.of.Model.Dim())
	return h, errors.Join(enc.Encode(h, rows), enc.Close())
}

// Data returns the data set whose ids the queries have.
func (s *Server) Data() *data.Dataset { return s.set }

// Plan returns the settings of the run.
func (s *Server) Plan() *Plan { return s.of.Plan }

// An Ask says whom a recommendation is for: a user of the data set, or, where Someone is true,
// somebody whom it does not know and who has a history or features.
type Ask struct {
	User    string   // its id in the files
	Someone bool     // nobody of the data set
	History []string // of Someone: ids of items, the oldest first; none is somebody new

	// Features are those of Someone that are known, by field, each as [data.Query] has it. The
	// model must read them, and a history beside them.
	Features map[string]string
}

// A Filter says what an answer may hold beside what is always left out: items without a
// training pair, unless eval.items of the run is all.
type Filter struct {
	WithSeen bool     // the items that the user or the history has, too
	Without  []string // none of these
	Only     []string // none but these, unless it is nil
}

// An Item is one place of an answer.
type Item struct {
	ID    string  `json:"id"`    // as the files have it
	Index int     `json:"index"` // its number in the data set
	Score float32 `json:"score"` // as [models.Top] has it
}

// A ranking is what one answer is made with.
type ranking struct {
	ranker models.Ranker
	tops   [1]models.Top
	mask   []int32
	h      []float32
}

// Recommend returns the k best items for whom the query asks, the best first: fewer where
// fewer are left. A user is answered by all that the data set knows of him or her, in any
// split. Who is in no file is encoded by the history where the model reads such, and by features
// where the query has some; else, and for a
// user of whom training had nothing that the model reads, the row that training would have given
// is found by the run's own loss or solver, the classes staying as they are, which takes as long
// as some tens of steps of one row.
func (s *Server) Recommend(ctx context.Context, q Ask, k int, f Filter) ([]Item, error) {
	if k < 1 {
		return nil, fmt.Errorf("train: k=%d is below 1", k)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	r := s.rankers.Get().(*ranking)
	defer s.rankers.Put(r)
	if s.fitted != nil {
		return s.recommendFitted(ctx, r, q, k, f)
	}
	var seen []int32
	var h []float32
	var err error
	if q.Someone {
		h, seen, err = s.ofHistory(ctx, r, q)
	} else {
		h, seen, err = s.ofUser(ctx, r, q)
	}
	if err != nil {
		return nil, err
	}
	if f.WithSeen {
		seen = nil
	}
	if r.mask, err = s.mask(r, seen, f); err != nil {
		return nil, err
	}
	return s.rank(r, h, k)
}

// rank answers with the k best classes for h outside of r.mask.
func (s *Server) rank(r *ranking, h []float32, k int) ([]Item, error) {
	k = min(k, s.set.Items)
	done := false
	if row, ok := r.ranker.(models.RowRanker); ok {
		var err error
		if done, err = row.RankRow(&r.tops[0], h, r.mask, k); err != nil {
			return nil, err
		}
	}
	if !done {
		if err := r.ranker.Rank(r.tops[:], h, func(int) []int32 { return r.mask }, k); err != nil {
			return nil, err
		}
	}
	return s.answer(r.tops[0]), nil
}

// answer names the places of a ranking.
func (s *Server) answer(top models.Top) []Item {
	items := make([]Item, len(top.IDs))
	for i, id := range top.IDs {
		items[i] = Item{ID: s.set.ItemName(int(id)), Index: int(id), Score: top.Scores[i]}
	}
	return items
}

// ofUser returns the encoding of a user of the data set, and the items that it has.
func (s *Server) ofUser(ctx context.Context, r *ranking, q Ask) (h []float32, seen []int32, err error) {
	u, err := s.user(q)
	if err != nil {
		return nil, nil, err
	}
	seen = s.seen(int32(u))
	if _, blank := slices.BinarySearch(s.blank, int32(u)); blank {
		h, err = s.fromQuery(ctx, r, data.Query{History: seen})
	} else {
		h, err = s.encoded(r, u)
	}
	return h, seen, err
}

// user returns the number of a user who is asked for.
func (s *Server) user(q Ask) (int, error) {
	if len(q.History) > 0 {
		return 0, errors.New("train: a query with a user and a history; say Someone for a history alone")
	}
	if len(q.Features) > 0 {
		return 0, errors.New("train: a query with a user and features; say Someone for features alone")
	}
	u, err := s.set.UserIndex(q.User)
	return u, wrap(err)
}

// encoded returns the encoding of user u.
func (s *Server) encoded(r *ranking, u int) ([]float32, error) {
	if !s.reads {
		d := s.of.Model.Dim()
		return s.h[u*d : (u+1)*d], nil
	}
	return s.encode(r, s.contexts, u)
}

// ofHistory returns the encoding of somebody, and the items of the history.
func (s *Server) ofHistory(ctx context.Context, r *ranking, q Ask) (h []float32, seen []int32, err error) {
	items, err := s.history(q)
	if err != nil {
		return nil, nil, err
	}
	h, err = s.fromQuery(ctx, r, data.Query{History: items, Features: q.Features})
	return h, slices.Compact(slices.Sorted(slices.Values(items))), err
}

// history returns the items of somebody.
func (s *Server) history(q Ask) ([]int32, error) {
	if q.User != "" {
		return nil, fmt.Errorf("train: a query for user %q and for Someone", q.User)
	}
	return s.indices(q.History, "history")
}

// fromQuery returns the encoding of somebody of whom nothing but a history and features is known.
func (s *Server) fromQuery(ctx context.Context, r *ranking, q data.Query) ([]float32, error) {
	f, err := s.of.Plan.task().OfQueries(s.set, []data.Query{q})
	if err == nil && len(q.Features) > 0 {
		err = s.of.answers([]data.Query{q}, s.fields)
	}
	if of, ok := errors.AsType[*data.QueryError](err); ok { // there is one
		err = of.Err
	}
	if err != nil {
		return nil, wrap(err)
	}
	if s.reads || len(q.Features) > 0 {
		return s.encode(r, f, 0)
	}
	return s.folded(ctx, f, slices.Compact(slices.Sorted(slices.Values(q.History))))
}

// indices returns the items of ids.
func (s *Server) indices(ids []string, what string) ([]int32, error) {
	all := make([]int32, len(ids))
	for i, id := range ids {
		j, err := s.set.ItemIndex(id)
		if err != nil {
			return nil, fmt.Errorf("train: %s: %w", what, err)
		}
		all[i] = int32(j)
	}
	return all, nil
}

// mask returns what an answer leaves out, ascending.
func (s *Server) mask(r *ranking, seen []int32, f Filter) ([]int32, error) {
	mask := append(r.mask[:0], s.left...)
	mask = append(mask, seen...)
	if len(f.Without) > 0 {
		ids, err := s.indices(f.Without, "filter: without")
		if err != nil {
			return mask, err
		}
		mask = append(mask, ids...)
	}
	if f.Only != nil {
		ids, err := s.indices(f.Only, "filter: only")
		if err != nil {
			return mask, err
		}
		slices.Sort(ids)
		for i := range int32(s.set.Items) {
			if _, in := slices.BinarySearch(ids, i); !in {
				mask = append(mask, i)
			}
		}
	}
	slices.Sort(mask)
	return slices.Compact(mask), nil
}

// Live is a Server that may be exchanged while it is in use: a query is answered by the one
// that it found. The zero value has none.
type Live struct{ now atomic.Pointer[Server] }

// Swap puts s in place of the one before, which it returns, nil of the first.
func (l *Live) Swap(s *Server) *Server { return l.now.Swap(s) }

// Server returns the one of the moment, nil before the first Swap.
func (l *Live) Server() *Server { return l.now.Load() }

// Reload puts the run of a folder in place. On an error the one before stays.
func (l *Live) Reload(dir string) error {
	s, err := OpenRecommender(dir)
	if err == nil {
		l.Swap(s)
	}
	return err
}
