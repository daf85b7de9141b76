package models

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

// TestResolve deals settings out to the loss, the candidates and the
// recipe.
func TestResolve(t *testing.T) {
	for text, want := range map[string][2]string{
		"softmax:tau=0.2":                    {"softmax:tau=0.2", "all"},
		"sampled-softmax":                    {"softmax", "sampled:n=512,sampler=uniform,correction=logq,hits=keep"},
		"sampled-softmax:tau=0.2,n=8":        {"softmax:tau=0.2", "sampled:sampler=uniform,correction=logq,hits=keep,n=8"},
		"nce: log-z=1, sampler=log-uniform ": {"nce:log-z=1", "sampled:n=64,correction=logq,hits=keep,sampler=log-uniform"},
		"nce:beta=0.5":                       {"nce", "sampled:n=64,sampler=popularity,correction=logq,hits=keep,beta=0.5"},
		"bpr:weights=softmax,n=4":            {"bpr:weights=softmax", "sampled:sampler=uniform,correction=none,hits=keep,per=row,n=4"},
		"nce:beta=0.5,sampler=popularity":    {"nce", "sampled:n=64,correction=logq,hits=keep,beta=0.5,sampler=popularity"},
		"nce:delta=2,sampler=popularity":     {"nce", "sampled:n=64,beta=1,correction=logq,hits=keep,delta=2,sampler=popularity"},
		"bpr:per=row,sampler=popularity":     {"bpr", "sampled:n=1,correction=none,hits=keep,per=row,sampler=popularity"},
		"bpr:sampler=in-batch":               {"bpr", "sampled:n=1,correction=none,hits=keep,sampler=in-batch"},
		"hsm:kind=balanced":                  {"softmax", "tree:kind=balanced"},
		"class-softmax:k=7,tau=2":            {"softmax:tau=2", "classes:k=7"},
		"adaptive-softmax":                   {"softmax", "adaptive"},
	} {
		r, err := Resolve(text, "", 0)
		require.NoError(t, err, text)
		require.Equal(t, want, [2]string{r.Loss.String(), r.Candidates}, text)
		require.Equal(t, want[1] == "all", r.Recipe == nil)
	}
	// β = r(t(1−1/r)+1/r) with r = k/(C−1).
	for _, c := range []struct {
		text    string
		classes int
		beta    float64
	}{{"gbce:n=20", 201, 0.1 * (0.75*(1-10) + 10)}, {"gbce:n=20,t=0", 201, 1}, {"gbce:n=20,t=1", 201, 0.1}, {"gbce:n=20", 11, 1}, {"gbce", 0, 0.25}} {
		r, err := Resolve(c.text, "", c.classes)
		require.NoError(t, err)
		require.InDelta(t, c.beta, r.Loss.Values.Num("beta"), 1e-12, c.text)
	}
	for text, want := range map[string]string{"nce": "nce:log-z=4.605", "nce:log-z=0": "nce", "gbce:beta=0.5": "gbce:beta=0.5"} {
		r, err := Resolve(text, "", 100)
		require.NoError(t, err)
		require.Equal(t, want, r.Loss.String())
	}
	for text, want := range map[string]string{
		"sofmax":                  "the choices are adaptive-softmax, am-softmax",
		"softmax:n=4":             `no parameter "n"`,
		"sampled-softmax:n":       `"n" is not name=value`,
		"sampled-softmax:n=1,n=2": `parameter "n" is given twice`,
		"sampled-softmax:tau=x":   `tau="x" is not a number`,
		"gbce:t=2":                "t=2 is outside [0, 1]",
	} {
		_, err := Resolve(text, "", 0)
		require.ErrorContains(t, err, want, text)
	}
}

// TestResolveOver: candidates that are given take what the recipe's text sets of
// candidates, and what they do not take is refused, as is what nothing takes.
func TestResolveOver(t *testing.T) {
	for _, c := range []struct{ loss, candidates, want string }{
		{"bpr", "", "sampled:n=1,correction=none,per=row"},
		{"bpr", " all ", "all"},
		{"bpr:n=4", "", "sampled:n=4,correction=none,per=row"},
		{"bpr:n=4", "sampled:n=4,sampler=popularity", "sampled:n=4,sampler=popularity"},
		{"bpr: n = 4e0", "sampled: sampler = popularity", "sampled:n=4,sampler=popularity"},
		{"sampled-softmax:codewords=4,sampler=midx", "sampled:n=8", "sampled:n=8,sampler=midx,codewords=4"},
		{"hsm:kind=balanced", "classes:k=3", ""},
		{"bpr:n=4", "all", ""},
		{"bpr:n=4", "sampled:n=5", ""},
		{"softmax", "classes:k=3", "classes:k=3"},
	} {
		r, err := Resolve(c.loss, c.candidates, 0)
		if c.want == "" {
			require.ErrorContains(t, err, "its candidates", "%+v", c)
			continue
		}
		require.NoError(t, err, "%+v", c)
		require.Equal(t, c.want, r.Head.String(), "%+v", c)
		// What it says of itself denotes the same, and so does its line.
		again, err := Resolve(c.loss, r.Candidates, 0)
		require.NoError(t, err)
		require.Equal(t, c.want, again.Head.String(), "%+v", c)
		loss, candidates := r.Line()
		again, err = Resolve(loss, candidates, 0)
		require.NoError(t, err)
		require.Equal(t, [2]string{r.Loss.String(), c.want}, [2]string{again.Loss.String(), again.Head.String()}, "%+v", c)
	}
	for loss, want := range map[string]string{
		"bpr:n=4":            "models: bpr: n is a parameter of its candidates sampled, which are replaced by classes:k=3, and those have no parameter n: leave it out",
		"bpr:weight=softmax": `models: bpr: no parameter "weight" (did you mean weights?); the choices are weights, positives, n, sampler, correction, hits, per`,
		"gbce:T=1":           `models: gbce: no parameter "T" (did you mean t?); the choices are t, beta, labels, n, sampler, correction, hits, per`,
		"bpr:n=0":            "n=0 is outside",
		"bpr:sampler=x":      `sampler="x" is not one of `,
		"bpr:weights=x":      `weights="x" is not one of `,
	} {
		_, err := Resolve(loss, "classes:k=3", 0)
		require.ErrorContains(t, err, want)
		if loss != "bpr:n=4" {
			_, err = Resolve(loss, "", 0)
			require.ErrorContains(t, err, want[strings.LastIndex(want, ": ")+1:])
		}
	}
	_, err := Resolve("bpr:n=4", "sampled:n=5", 0)
	require.ErrorContains(t, err, "n=4 is for its candidates sampled, which are replaced by sampled:n=5 with n=5: say it once")
	_, err = Resolve("bpr", "everything", 0)
	require.ErrorContains(t, err, `unknown candidates "everything"`)
}

// TestLossFollowsTheHead: the loss of a recipe is bound to the draws of the head
// that there is, however it is spelt and wherever it stands.
func TestLossFollowsTheHead(t *testing.T) {
	beta := func(loss, candidates string) float64 {
		r, err := Resolve(loss, candidates, 201)
		require.NoError(t, err)
		return r.Loss.Values.Num("beta")
	}
	for _, c := range []struct {
		loss, candidates string
		rate             float64
	}{
		{"gbce:n=20", "", 0.1}, {"gbce:n=2e1", "", 0.1}, {"gbce: n = 20 ", "", 0.1}, {"gbce:n=20.0", "", 0.1},
		{"gbce", "sampled:n=20", 0.1}, {"gbce", "sampled: n = 2e1", 0.1}, {"gbce:n=20", "sampled:sampler=popularity", 0.1},
		{"gbce", "sampled:n=500", 1}, {"gbce", "all", 1}, {"gbce", "tree", 1}, {"gbce", "classes", 1}, {"gbce", "sampled:n=1", 1.0 / 200},
	} {
		require.InDelta(t, 1-0.75*(1-c.rate), beta(c.loss, c.candidates), 1e-12, "%+v", c)
	}
	r, err := Resolve("gbce:n=20", "", 201)
	require.NoError(t, err)
	b, err := r.LossOf(101, 50)
	require.NoError(t, err)
	require.InDelta(t, 1-0.75/2, b.Values.Num("beta"), 1e-12)
	require.Equal(t, []string{"beta"}, r.SetByRun())
}

// TestDeclaredOrder: what a recipe declares is of its own correction.
func TestDeclaredOrder(t *testing.T) {
	for _, c := range []struct {
		loss, candidates string
		want             losses.Order
	}{
		{"softmax", "", losses.OrderStrict},
		{"softmax", "sampled", losses.NoOrder},
		{"infonce", "", losses.OrderStrict},
		{"infonce", "sampled:n=9,correction=none", losses.OrderStrict},
		{"infonce:sampler = popularity", "", losses.OrderNone},
		{"infonce", "sampled: sampler = popularity , correction=none", losses.OrderNone},
		{"infonce", "sampled", losses.NoOrder},
		{"infonce", "all", losses.OrderStrict},
		{"sampled-softmax:correction=none", "", losses.NoOrder},
		{"sampled-softmax:hits=drop", "", losses.NoOrder},
		{"hsm", "", losses.OrderStrict},
		{"hsm", "classes", losses.NoOrder},
	} {
		r, err := Resolve(c.loss, c.candidates, 0)
		require.NoError(t, err)
		require.Equal(t, c.want.String(), r.Order().String(), "%+v", c)
	}
}

// TestPairs: a loss and its candidates are one text with an @ between, or two.
func TestPairs(t *testing.T) {
	for text, want := range map[string][2]string{
		"sparsemax@sampled:n=9":        {"sparsemax", "sampled:n=9"},
		" entmax:alpha=1.3 @ sampled ": {"entmax:alpha=1.3", "sampled"},
		"gbce@sampled:n=64":            {"gbce", "sampled:n=64"},
		"softmax@tree:file=a@b.tsv":    {"softmax", "tree:file=a@b.tsv"},
		"hsm:file=a@b.tsv":             {"hsm:file=a@b.tsv", ""},
		"hsm:file=a@b.tsv@tree":        {"hsm:file=a@b.tsv", "tree"},
		"softmax":                      {"softmax", ""},
		"softmax@smpled:n=4":           {"softmax", "smpled:n=4"},
	} {
		loss, candidates, found := CutCandidates(text)
		require.Equal(t, want, [2]string{strings.TrimSpace(loss), strings.TrimSpace(candidates)}, text)
		require.Equal(t, want[1] != "", found, text)
	}
	one, err := Resolve("sparsemax@sampled:n=9", "", 100)
	require.NoError(t, err)
	two, err := Resolve("sparsemax", "sampled:n=9", 100)
	require.NoError(t, err)
	require.Equal(t, two.Head.String(), one.Head.String())
	require.Equal(t, two.Loss.String(), one.Loss.String())
	_, err = Resolve("sparsemax@sampled:n=9", "sampled: n=9e0", 100)
	require.NoError(t, err, "said twice, and the same")
	for text, want := range map[string]string{
		"softmax@":           "names no candidates after @",
		"softmax@smpled:n=4": `unknown candidates "smpled" (did you mean sampled?); the choices are`,
		"sofmax@all":         `unknown loss "sofmax"`,
	} {
		_, err := Resolve(text, "", 100)
		require.ErrorContains(t, err, want, text)
	}
	_, err = Resolve("sparsemax@sampled:n=9", "all", 100)
	require.ErrorContains(t, err, "candidates are said twice")
}

// A setting of a recipe from which one of its loss follows does nothing beside that
// one: the two are not taken together.
func TestIdleSettingOfARecipe(t *testing.T) {
	_, err := Resolve("gbce:beta=0.5,t=0.2", "", 0)
	require.ErrorContains(t, err, "beta follows from t, and beta is given too")
	for _, text := range []string{"gbce:beta=0.5", "gbce:t=0.2"} {
		_, err := Resolve(text, "", 0)
		require.NoError(t, err)
	}
}

// TestDeclaredOfTheWeight: what a recipe declares of its order is not that of its loss with
// a weight of the negatives, which ties classes at the bound of the scores.
func TestDeclaredOfTheWeight(t *testing.T) {
	for text, want := range map[string]losses.Order{
		"sampled-softmax": losses.OrderStrict, "sampled-softmax:tau=0.2": losses.OrderStrict, "sampled-softmax:negatives=1.2": losses.NoOrder,
	} {
		c, err := Resolve(text, "", 0)
		require.NoError(t, err)
		require.Equal(t, want, c.Order(), text)
		require.Equal(t, want == losses.OrderStrict, c.Declared(), text)
	}
}
