package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fenchel-ml/fenchel/train"
)

// A service answers requests by the run of the moment.
type service struct {
	live train.Live
	busy chan struct{} // a place for each request under way
}

const (
	mostAtOnce  = 64   // requests under way; more are told to come again
	mostItems   = 1000 // of an answer
	mostHistory = 5000 // events of a history
)

func newService() *service { return &service{busy: make(chan struct{}, mostAtOnce)} }

func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /recommend", s.limited(recommend))
	mux.HandleFunc("GET /similar", s.limited(similar))
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		server := s.live.Server()
		answer(w, map[string]any{"model": server.Plan().Config.Model.Name, "users": server.Data().Users, "items": server.Data().Items})
	})
	return mux
}

// limited answers with what f gives, or with what is wrong, at most mostAtOnce at a time.
func (s *service) limited(f func(r *http.Request, server *train.Server) ([]train.Item, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case s.busy <- struct{}{}:
			defer func() { <-s.busy }()
		default:
			w.Header().Set("Retry-After", "1")
			http.Error(w, "too many requests at once", http.StatusServiceUnavailable)
			return
		}
		items, err := f(r, s.live.Server())
		switch {
		case r.Context().Err() != nil: // nobody waits
		case err != nil:
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			answer(w, response{items})
		}
	}
}

// A response is what a request gets.
type response struct {
	Items []train.Item `json:"items"` // the best first
}

func answer(w http.ResponseWriter, x any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(x) // whoever does not read it has gone
}

func recommend(r *http.Request, server *train.Server) ([]train.Item, error) {
	q, err := parameters(r, "user", "history", "feature", "k", "seen")
	if err != nil {
		return nil, err
	}
	k, err := count(q)
	if err != nil {
		return nil, err
	}
	if len(q["history"]) > mostHistory {
		return nil, fmt.Errorf("a history of %d events; at most %d", len(q["history"]), mostHistory)
	}
	ask := train.Ask{User: q.Get("user"), Someone: !q.Has("user"), History: q["history"]}
	if q.Get("history") == "" && len(q["history"]) == 1 { // history= is somebody new
		ask.History = nil
	}
	for _, text := range q["feature"] {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := ask.Features[name]; !ok || twice {
			return nil, fmt.Errorf("feature=%s: want name=value, each name once", text)
		}
		if ask.Features == nil {
			ask.Features = map[string]string{}
		}
		ask.Features[name] = value
	}
	if !q.Has("user") && !q.Has("history") && !q.Has("feature") {
		return nil, errors.New("name a user=, the items of somebody by history=, or what is known of somebody by feature=name=value")
	}
	seen := q.Has("seen")
	if text := q.Get("seen"); text != "" {
		if seen, err = strconv.ParseBool(text); err != nil {
			return nil, fmt.Errorf("seen=%s: want true or false", text)
		}
	}
	return server.Recommend(r.Context(), ask, k, train.Filter{WithSeen: seen})
}

func similar(r *http.Request, server *train.Server) ([]train.Item, error) {
	q, err := parameters(r, "item", "k")
	if err != nil {
		return nil, err
	}
	k, err := count(q)
	if err != nil {
		return nil, err
	}
	return server.SimilarItems(r.Context(), q.Get("item"), k)
}

// parameters returns those of a request; one that nobody reads is an error, and so is a second
// value of any but a history and features.
func parameters(r *http.Request, known ...string) (url.Values, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	for name, values := range q {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("unknown parameter %q; the choices are %q", name, known)
		}
		if len(values) > 1 && name != "history" && name != "feature" {
			return nil, fmt.Errorf("%s= is given %d times", name, len(values))
		}
	}
	return q, nil
}

// count returns k, 10 unless it is given.
func count(q url.Values) (int, error) {
	if !q.Has("k") {
		return 10, nil
	}
	k, err := strconv.Atoi(q.Get("k"))
	if err != nil || k < 1 || k > mostItems {
		return 0, fmt.Errorf("k=%s: want a whole number from 1 to %d", q.Get("k"), mostItems)
	}
	return k, nil
}
