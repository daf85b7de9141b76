package train

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/models"
)

// TestEqualSettingsTrainAlike: a setting trains the same bits by any spelling and
// from either text.
func TestEqualSettingsTrainAlike(t *testing.T) {
	set := small(t)
	for _, same := range [][][2]string{
		{{"gbce:n=16", ""}, {"gbce:n=1.6e1", ""}, {"gbce: n = 16 ", ""}, {"gbce:n=16.0", ""}, {"gbce:n=+16", ""},
			{"gbce@sampled:n=16,correction=none", ""}, {"gbce @ sampled:n=16,correction=none", "sampled:correction=none,n=16"},
			{"gbce", "sampled:n=16,correction=none"}, {"gbce", "sampled: correction = none, n = 1.6e1"}, {"gbce:n=16", "sampled:correction=none"}},
		{{"nce", ""}, {"nce:sampler=popularity", ""}, {"nce: n = 6.4e1", ""}, {"nce:beta=1,sampler=popularity", ""}, {"nce:sampler=popularity,beta=1", ""}},
		{{"bpr:per=row,sampler=popularity", ""}, {"bpr:sampler=popularity,per=row", ""}},
		{{"softmax", ""}, {"softmax", " all "}, {"softmax", "all:"}, {"softmax:tau=1.0", "all"}},
	} {
		var want [][]float32
		for _, texts := range same {
			c := quick("{train: {epochs: 2}}")
			c.Loss, c.Candidates = texts[0], texts[1]
			got, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err, texts)
			if want == nil {
				want = tables(got.Trained)
			}
			require.Equal(t, want, tables(got.Trained), "%q is not %q", texts, same[0])
		}
	}
}

// TestUnknownSettings: a recipe's text is held against what takes it, also where
// its candidates are replaced.
func TestUnknownSettings(t *testing.T) {
	for _, candidates := range []string{"", "all", "sampled:n=4,correction=none", "tree"} {
		for _, recipe := range models.Recipes() {
			err := Config{Loss: recipe.Name + ":weigt=1", Candidates: candidates}.Validate()
			require.Regexp(t, `loss: models: `+recipe.Name+`: no parameter "weigt"( \(did you mean weights?\?\))?; the choices are `, err.Error())
			require.Equal(t, 1, strings.Count(err.Error(), "weigt"), "%v", err)
		}
	}
	require.ErrorContains(t, Config{Loss: "bpr:n=4", Candidates: "all"}.Validate(), "replaced by all")
	err := Config{Loss: "ccl:wight=1", Candidates: "everything"}.Validate()
	require.ErrorContains(t, err, `no parameter "wight"`)
	require.ErrorContains(t, err, `unknown candidates "everything"`)
	require.NotContains(t, err.Error(), "cosines")
}

// TestContradictions: what the text of a recipe and that of candidates set to
// different values is an error also where one of the two is the default, which the
// canonical text leaves out.
func TestContradictions(t *testing.T) {
	for _, c := range []Config{
		{Loss: "sampled-softmax:sampler=popularity", Candidates: "sampled:n=7,sampler=uniform"},
		{Loss: "sampled-softmax:sampler=uniform", Candidates: "sampled:n=7,sampler=popularity"},
		{Loss: "sampled-softmax:hits=drop", Candidates: "sampled:n=7,hits=keep"},
		{Loss: "bpr:n=3", Candidates: "sampled:n=512"},
	} {
		require.ErrorContains(t, c.Validate(), "say it once", "%s over %s", c.Loss, c.Candidates)
		full := c.WithDefaults()
		require.Equal(t, c.Candidates, full.Candidates)
		require.Equal(t, full, full.WithDefaults())
	}
	c := Config{Loss: "sampled-softmax:sampler=popularity", Candidates: "sampled:n=7, sampler = popularity"}
	require.NoError(t, c.Validate())
	require.Equal(t, "sampled:n=7,sampler=popularity", c.WithDefaults().Candidates)
}
