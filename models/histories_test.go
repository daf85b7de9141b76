package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/losses"
)

// modelOf makes a model of width 4.
func modelOf(t *testing.T, text string, set *data.Dataset) Model {
	k, err := Parse(text)
	require.NoError(t, err)
	m, err := k.New(Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7})
	require.NoError(t, err)
	return m
}

// TestHistoriesUnderEveryLoss: all statements of the gradient of a whole model of histories,
// or of features, agree, with what is dropped held, by every table, under every head and every loss: of sets,
// which no model reads that knows order, of the positions of a pass, not all of which are examples, and of
// views. Each model meets each loss under each head; its settings go round. One in six of
// these runs unless the flag -quality asks for all, which takes some minutes.
func TestHistoriesUnderEveryLoss(t *testing.T) {
	set := inOrder(t, featured(t))
	positions, err := set.Examples("next:len=5,stride=3")
	require.NoError(t, err)
	require.NotNil(t, positions.Place)
	views, err := set.Examples("last:len=4")
	require.NoError(t, err)
	texts := map[string][]string{
		"lightgcn": {"lightgcn:layers=1", "lightgcn:layers=3"}, // reads none, and is in the graph of both sides
		"pool":     {"pool:own=0.3,map=relu", "pool:table=tied", "pool:map=linear,power=1"},
		"sasrec":   {"sasrec:blocks=1,len=5", "sasrec:heads=2,len=5,table=own,drop=0"},
		"gru4rec":  {"gru4rec:hidden=3", "gru4rec:hidden=2,layers=2,table=own,drop=0"},
		"tower":    {"tower:user-layers=1,width=3", "tower:id=user,power=1", "tower:id=none,user=age+job,item-layers=1"},
		"ngram":    {"ngram:n=2", "ngram:window=sum,n=3,table=own,drop=0"},
	}
	count := map[outcome]int{}
	every := 6
	switch {
	case testing.Short():
		every = 61
	case quality.Asked():
		every = 1
	}
	for k, model := range All() {
		if model.Name == "mf" || model.Name == "linear" { // they read none
			continue
		}
		require.Contains(t, texts, model.Name)
		for i, spec := range losses.All() {
			l := spec.Bind(spec.Defaults())
			for j, scheme := range []string{"all", "sampled:n=4,per=row", "sampled:n=4,sampler=dns", "sampled:n=5,correction=none,hits=seen", "tree", "classes", "adaptive"} {
				if (i+j+5*k)%every != 0 {
					continue
				}
				x := []*data.Examples{positions, views, thirds(set)}[(i+j)%3]
				if model.Ordered {
					x = []*data.Examples{positions, views}[(i+j/2)%2]
				}
				text := texts[model.Name][(i+j)%len(texts[model.Name])]
				s := HeadSetting{Setting: Setting{Set: set, Dim: 4, Init: 0.6, Seed: 7}, Score: Scores()[(i/2+j)%2], Temperature: 0.7, Bias: true, Loss: l}
				if spec.Domain == losses.Cosines {
					s.Score, s.Temperature, s.Bias = Cosine, 1, false
				}
				t.Run(strings.Join([]string{spec.Name, scheme, text}, "/"), func(t *testing.T) {
					count[gradientOf(t, set, modelOf(t, text, set), scheme, s, x)]++
				})
			}
		}
	}
	require.Greater(t, count[agrees], 5*count[refused])
	t.Log(count)
}
