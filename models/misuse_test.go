package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestMisuse: what a program hands in that nothing made is an error, and no panic.
func TestMisuse(t *testing.T) {
	set, err := data.Load(data.Config{Source: "demo:users=20,items=60,per-user=5"})
	require.NoError(t, err)
	loss, err := losses.Parse("softmax")
	require.NoError(t, err)
	s := HeadSetting{Setting: Setting{Set: set, Dim: 2, Init: 0.1}, Loss: loss, Score: Dot, Temperature: 1}
	mf, err := Parse("mf")
	require.NoError(t, err)
	m, err := mf.New(s.Setting)
	require.NoError(t, err)
	x, err := set.Examples("user")
	require.NoError(t, err)
	check := func(m Model, h Head, x *data.Examples, classes *data.Frame) error {
		_, err := CheckGradient(m, h, loss, x, classes, 2, graph.GradientCheck{})
		return err
	}
	for want, err := range map[string]error{
		"a kind of no model":          func() error { _, err := Kind{}.New(s.Setting); return err }(),
		"a kind of no head":           func() error { _, err := HeadKind{}.New(s); return err }(),
		"models: the model is nil":    func() error { _, err := NewEncoder(nil, set.Contexts(), 1); return err }(),
		"the model is nil":            func() error { _, err := ClassVectors(nil, set.Classes()); return err }(),
		"model is nil":                func() error { _, _, err := Tables(nil, noHead{}, loss, set.Contexts(), set.Classes()); return err }(),
		"models: the head is nil":     func() error { _, _, err := Tables(m, nil, loss, set.Contexts(), set.Classes()); return err }(),
		"the head is nil":             check(m, nil, x, set.Classes()),
		"is nil":                      check(nil, noHead{}, x, set.Classes()),
		"without a frame of classes":  check(m, noHead{}, x, nil),
		"without a frame of contexts": check(m, noHead{}, nil, set.Classes()),
	} {
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, losses.NoOrder, Choice{}.Order())
	_, declared := HeadKind{}.Cost(loss)
	require.False(t, declared)
}

// noHead is a Head that is never reached.
type noHead struct{ Head }
