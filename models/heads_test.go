package models

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models/sampler"
)

// schemes are the texts of every head at every probed setting. Of the samplers
// there are the static ones: what an adaptive one draws changes with the
// parameters, and neither draws nor log q are differentiated.
func schemes(t *testing.T) []string {
	var texts []string
	require.NotEmpty(t, Heads())
	for _, s := range Heads() {
		if s.Name == "sampled" {
			continue
		}
		for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
			texts = append(texts, c.String())
		}
	}
	for _, s := range sampler.All() {
		if !s.Props.Has(sampler.Adaptive) {
			texts = append(texts, "sampled:n=4,sampler="+s.Name)
		}
	}
	return append(texts, "sampled:n=4,per=row", "sampled:n=4,correction=none,hits=drop,per=row", "sampled:n=5,correction=importance,per=row", "sampled:n=5,hits=seen", "sampled:n=5,correction=none,hits=seen,per=row")
}

// settingFor returns a head's setting that suits the loss, and the scheme
// without a correction that the loss does not take.
func settingFor(set *data.Dataset, l losses.Loss, scheme string) (HeadSetting, string) {
	s := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Dot, Temperature: 0.5, Bias: true, Loss: l}
	if l.Spec.Domain == losses.Cosines {
		s.Score, s.Temperature, s.Bias = Cosine, 1, false
		if name, settings := registry.CutSpec(scheme); name == "sampled" {
			settings, _, _ = strings.Cut(settings, ",correction=")
			scheme = "sampled:" + settings + ",correction=none"
		}
	}
	return s, scheme
}

var testBatch = &data.Batch{Rows: []int32{4, 9, 2}, Targets: data.Targets{
	Ptr: []int32{0, 1, 4, 6}, Class: []int32{7, 1, 8, 30, 0, 89}, Weight: []float32{1, .25, .5, .25, .5, .5}}}

// given is a model whose encodings are what they are said to be: the h of a head's
// test. Its classes are free.
type given struct {
	h *Table
	FreeClasses
}

func (m given) Dim() int { return m.h.Dim }

func (m given) Contexts(in *Inputs) (*gorgonia.Node, error) { return in.Table(m.h), nil }

// newGiven returns given encodings of rows rows, and free classes of the setting.
func newGiven(s Setting, rows int) given {
	m := given{&Table{Name: "h", Rows: rows, Dim: s.Dim, Init: graph.Normal(1)}, NewFreeClasses(s)}
	m.h.Initialise(9)
	return m
}

// rankerOf returns what ranks by a new head.
func rankerOf(t *testing.T, text string, s HeadSetting) Ranker {
	head, m := newHead(t, text, s, 1)
	r, err := head.Ranker(m, s.Set.Classes())
	require.NoError(t, err)
	return r
}

// attached attaches a head to given encodings at float64.
func attached(t *testing.T, head Head, m given, set *data.Dataset, l losses.Loss, positions int) (*graph.Builder[float64], Attached) {
	b := graph.NewBuilder[float64]()
	g := NewCheck(b, set.Contexts(), m.h.Rows, set.Classes())
	h, err := Encode(g, m)
	require.NoError(t, err)
	attached, err := head.Attach(g, m, h, l, positions)
	require.NoError(t, err)
	return b, attached
}

// TestEveryLossWithEveryScheme: the gradient of the mean loss by the encodings
// and by every table is the central difference, in float64, on a batch of rows
// with one and several positives and a padding row.
func TestEveryLossWithEveryScheme(t *testing.T) {
	set := demo(t)
	for _, spec := range losses.All() {
		// A difference moves what a gradient may hold constant: here it is a parameter.
		l := spec.Bind(spec.Defaults()).Held(make([]float64, 4))
		for _, scheme := range schemes(t) {
			if testing.Short() && spec.Name != "softmax" && spec.Name != "sparsemax" {
				continue
			}
			s, text := settingFor(set, l, scheme)
			t.Run(spec.Name+"/"+text, func(t *testing.T) {
				head, m := newHead(t, text, s, 4)
				b, attached := attached(t, head, m, set, l, 8)
				cost, err := graph.MeanRows(attached.Loss(), attached.Targets())
				require.NoError(t, err)
				require.NoError(t, attached.Set(3, testBatch))
				p, err := b.Train(cost)
				require.NoError(t, err)
				defer p.Close()
				_, err = graph.CheckGradient(p, graph.GradientCheck{Probes: 3, Tolerance: 1e-5})
				require.NoError(t, err)
				require.False(t, math.IsNaN(p.Cost()) || math.IsInf(p.Cost(), 0))
			})
		}
	}
}

// TestState: what an attached head keeps has one list of names, before the first step and after,
// and another state than that is an error.
func TestState(t *testing.T) {
	set := demo(t)
	setting := HeadSetting{Setting: Setting{Set: set, Dim: 5, Init: 0.5, Seed: 7}, Score: Cosine, Temperature: 0.5}
	for scheme, names := range map[string][]string{
		"all": nil, "tree": nil, "sampled": nil,
		"sampled:n=3,sampler=in-batch":             nil, // a set's counts are known
		"sampled:n=3,sampler=in-batch,freq=stream": {"in-batch/clock", "in-batch/gap", "in-batch/last", "in-batch/seen"},
		"sampled:n=3,sampler=dns":                  {"unit"},
		"sampled:n=3,sampler=quadratic":            {"quadratic/sum", "unit"},
	} {
		head, m := newHead(t, scheme, setting, 4)
		g := NewGraph(graph.NewBuilder[float32](), set.Contexts(), 4, set.Classes())
		attached, err := head.Attach(g, m, g.Contexts.Table(m.h), softmax, 8)
		require.NoError(t, err)
		state := attached.State()
		require.NoError(t, attached.SetState(state), "of a run that has done no step")
		require.NoError(t, attached.Set(0, testBatch))
		for _, state := range [][]graph.Array{state, attached.State()} {
			var got []string
			for _, s := range state {
				got = append(got, s.Name)
			}
			require.Equal(t, names, got, scheme)
		}
		state = attached.State()
		require.NoError(t, attached.SetState(state))
		require.ErrorContains(t, attached.SetState(append([]graph.Array{{Name: "x", Data: []float32{1}}}, state...)), "x", scheme)
		if names != nil {
			require.ErrorContains(t, attached.SetState(state[:len(state)-1]), "state", scheme)
		}
		if unit := len(state) - 1; unit >= 0 && state[unit].Name == "unit" {
			require.Len(t, state[unit].Data, set.Items*5)
			state[unit].Data = make([]float32, 7)
			require.ErrorContains(t, attached.SetState(state), "unit has 7 numbers, want ", scheme)
		}
	}
}
