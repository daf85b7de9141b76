package models

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
)

// TestSettingsAreValidated: every model and head returns the error of a dataset that
// was made wrongly by hand, and of a width that is none.
func TestSettingsAreValidated(t *testing.T) {
	makers := map[string]func(s Setting) error{}
	for _, m := range All() {
		b, err := Parse(m.Name)
		require.NoError(t, err)
		makers[m.Name] = func(s Setting) error { _, err := b.New(s); return err }
	}
	for _, h := range Heads() {
		b, err := ParseHead(h.Name)
		require.NoError(t, err)
		makers[h.Name] = func(s Setting) error {
			_, err := b.New(HeadSetting{Setting: s, Score: Dot, Temperature: 1})
			return err
		}
	}
	for name, make := range makers {
		t.Run(name, func(t *testing.T) {
			setting := func(spoil func(d *data.Dataset)) Setting {
				d := *demo(t)
				spoil(&d)
				return Setting{Set: &d, Dim: 4, Init: 0.1}
			}
			require.NoError(t, make(setting(func(*data.Dataset) {})))
			require.ErrorContains(t, make(setting(func(d *data.Dataset) { d.Train = nil })), "train is nil")
			require.ErrorContains(t, make(setting(func(d *data.Dataset) { d.Items = 7 })), "train is of 60 users and 90 items")
			require.ErrorContains(t, make(setting(func(d *data.Dataset) { d.ItemIDs = []string{"a"} })), "1 item ids for 90 items")
			require.ErrorContains(t, make(Setting{Dim: 4}), "the dataset is nil")
			s := setting(func(*data.Dataset) {})
			s.Dim = 0
			require.ErrorContains(t, make(s), "width 0 is below 1")
		})
	}
}

// TestCosinesAreTheScores: under a loss that takes cosines every head refuses what makes
// other scores of them, by itself and not by a configuration alone.
func TestCosinesAreTheScores(t *testing.T) {
	l, err := losses.Parse("arcface")
	require.NoError(t, err)
	for _, h := range Heads() {
		t.Run(h.Name, func(t *testing.T) {
			for _, s := range []HeadSetting{
				{Score: Dot, Temperature: 1}, {Score: Cosine, Temperature: 0.2}, {Score: Cosine, Temperature: 1, Bias: true},
			} {
				s.Setting, s.Loss = Setting{Set: demo(t), Dim: 4, Init: 0.1}, l
				_, err := NewHead(h.Name, s)
				require.ErrorContains(t, err, "arcface takes cosines: set the score to cosine, the temperature to 1 and no bias")
			}
		})
	}
}
