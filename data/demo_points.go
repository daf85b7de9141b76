package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// demoHas is the default of Has.
const demoHas = 20

// features is the Demo whose items are the features of d's users.
func (d Demo) features() Demo {
	// By another seed, so that its streams are not those of items.
	return Demo{Users: d.Users, Items: d.Features, Rank: d.Rank, PerUser: d.Has, Seed: mix(d.Seed)}.withDefaults()
}

// takeFeatures takes what a demo's text says of features.
func (d *Demo) takeFeatures(a *Args) error {
	_, given := a.named["has"]
	features, err := a.Uint("features", 0)
	has, e := a.Uint("has", demoHas)
	err = errors.Join(err, e)
	switch {
	case features == 0 && given:
		return errors.Join(err, errors.New("has is of features, and there are none"))
	case features == 0:
		return err
	case has == 0:
		return errors.Join(err, errors.New("has=0: a point has features"))
	}
	d.Features, d.Has = int(min(features, math.MaxInt32+1)), int(min(has, math.MaxInt32+1))
	return err
}

// validateFeatures returns what is wrong with the features of a demo that is right otherwise.
func (d Demo) validateFeatures() error {
	switch {
	case d.Features < 0 || d.Features == 0 && d.Has != 0:
		return fmt.Errorf("data: demo: has=%d of features=%d", d.Has, d.Features)
	case d.Features > 0 && d.Order:
		return errors.New("data: demo: features make points of users, which have no order: leave out one of order and features")
	case d.Features > 0:
		if err := d.features().Validate(); err != nil {
			return fmt.Errorf("data: demo: features=%d,has=%d as items and per-user: %w", d.Features, d.Has, err)
		}
	}
	return nil
}

// drawFeatures draws the features of users with these vectors.
func (d Demo) drawFeatures(user []float32) Field {
	of := d.features()
	g := newGenerator(of)
	g.truth.User = user
	f := newField(featuresField, d.Features, d.Users)
	f.Type = Sparse
	f.ID = make([]int32, 0, of.pairs())
	for u := range d.Users {
		f.Lo[u] = len(f.ID)
		f.ID = g.draw(f.ID, u)
		slices.Sort(f.ID[f.Lo[u]:])
		f.Hi[u] = len(f.ID)
	}
	return f
}
