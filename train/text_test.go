package train

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/baseline"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// chain is running text in which what follows depends on the two words before: of 30 words,
// the sum of their numbers with two chances in three, else any.
func chain(t *testing.T, n int) *data.Dataset {
	rng := rand.New(rand.NewPCG(3, 4))
	var text strings.Builder
	a, b := 1, 2
	for k := range n {
		c := rng.IntN(30)
		if rng.IntN(3) > 0 {
			c = (a + b) % 30
		}
		text.WriteString("w" + string(rune('a'+c%26)) + string(rune('0'+c/26)) + " ")
		if k%17 == 16 {
			text.WriteByte('\n')
		}
		a, b = b, c
	}
	path := filepath.Join(t.TempDir(), "chain.txt")
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	set, err := data.Load(data.Config{Source: path, Format: "text"})
	require.NoError(t, err)
	return set
}

// likelihood returns nll and perplexity on a split.
func likelihood(t *testing.T, s models.Scorer, p *Plan, set *data.Dataset, split string, change func(*data.Frame) *data.Frame) (nll, perplexity float64) {
	ms, err := metric.ParseAll([]string{"nll", "perplexity"})
	require.NoError(t, err)
	e, err := p.Evaluation(set, split, ms)
	require.NoError(t, err)
	if change != nil {
		other := *e.Examples
		other.Context = change(e.Examples.Context)
		e.Examples = &other
	}
	scores, err := Evaluate(t.Context(), s, e)
	require.NoError(t, err)
	require.InDelta(t, math.Exp(scores.Values[0].Value), scores.Values[1].Value, 1e-9*scores.Values[1].Value)
	require.Nil(t, scores.PerExample[1], "perplexity is of all examples together")
	return scores.Values[0].Value, scores.Values[1].Value
}

// TestNgramLearns: by its name alone it is trained on windows and watched by perplexity, of which
// the lowest is best; it is better than the counts of words, and of pairs of words, which know
// one word before, and than itself with other windows.
func TestNgramLearns(t *testing.T) {
	n := 30000
	if testing.Short() {
		n = 20000
	}
	set := chain(t, n)
	cfg := quick("{model: {name: 'ngram:drop=0', dim: 24}, train: {batch: 256, epochs: 12, patience: 3}}")
	cfg.Train.Optimizer, cfg.Eval.Metrics = "adam:lr=0.02,mode=dense", nil
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	p := res.Trained.Plan
	require.Equal(t, "window", p.Config.Train.Task)
	require.Equal(t, []string{"perplexity", "nll"}, p.Config.Eval.Metrics)
	require.Equal(t, NoMask, p.ProtocolOn(set).Mask)
	best := slices.MinFunc(res.History, func(a, b *EpochDone) int {
		if a.Valid.Values[0].Value < b.Valid.Values[0].Value {
			return -1
		}
		return 1
	})
	require.Equal(t, best.Epoch, res.BestEpoch)
	ms, err := metric.ParseAll([]string{"nll"})
	require.NoError(t, err)
	for _, split := range []string{"valid", "test"} {
		e, err := p.Evaluation(set, split, ms)
		require.NoError(t, err)
		part := map[string]*data.Interactions{"valid": set.Valid, "test": set.Test}[split]
		require.Len(t, part.Active(), 1)
		require.Equal(t, len(set.Histories.Of(int(part.Active()[0])))-1, e.Examples.Len(), "every word but the first")
	}
	unigram, err := baseline.NewUnigram(set)
	require.NoError(t, err)
	bigram, err := baseline.NewKneserNey(set)
	require.NoError(t, err)
	own, perplexity := likelihood(t, res.Trained, p, set, "test", nil)
	require.Equal(t, res.Test.Values[0].Value, perplexity)
	other, _ := likelihood(t, res.Trained, p, set, "test", shuffled)
	one, _ := likelihood(t, unigram, p, set, "test", nil)
	two, _ := likelihood(t, bigram, p, set, "test", nil)
	t.Logf("nats: ngram %.3f, with shuffled windows %.3f, words %.3f, pairs of words %.3f", own, other, one, two)
	require.Less(t, own, 0.9*two)
	require.Less(t, own, 0.9*one)
	require.Less(t, own, 0.9*other)
}

// TestTextIsTheSameAgain: an interrupted run of text ends with the bits of one that never
// stopped, at any GOMAXPROCS, also where the set is read from the run's folder.
func TestTextIsTheSameAgain(t *testing.T) {
	set := chain(t, 1400)
	for _, text := range []string{
		"{model: {name: ngram}, train: {batch: 230, epochs: 4}}",
		"{model: {name: 'ngram:window=sum'}, candidates: 'sampled:n=8,sampler=popularity', train: {task: 'window:n=3,side=both', batch: 230, epochs: 4}}",
		"{model: {name: sasrec}, train: {task: 'next:len=8', positions: 240, epochs: 4}}",
		"{model: {name: mf}, loss: neg, train: {task: 'skipgram:n=1', batch: 460, epochs: 4}}",
	} {
		c := quick(text)
		c.Model.Dim, c.Eval.Metrics = 8, []string{"perplexity", "recall@5"}
		resumes(t, c, set)
		want, err := Run(t.Context(), c, set, nil)
		require.NoError(t, err)
		procs := runtime.GOMAXPROCS(3)
		dir := filepath.Join(t.TempDir(), "run")
		got, err := RunDir(t.Context(), dir, c, set, nil)
		runtime.GOMAXPROCS(procs)
		require.NoError(t, err)
		require.Equal(t, tables(want.Trained), tables(got.Trained))
		require.Equal(t, want.Test.Values, got.Test.Values)
		kept, err := OpenSet(dir)
		require.NoError(t, err)
		require.Equal(t, set.Hash(), kept.Hash())
		opened, err := Open(dir, kept)
		require.NoError(t, err)
		scores, err := opened.Evaluate(t.Context(), kept, "test", opened.Plan.Metrics)
		require.NoError(t, err)
		require.Equal(t, want.Test.Values, scores.Values)
		same, err := opened.Similar(kept, []int{0, 3}, 4)
		require.NoError(t, err)
		require.Len(t, same[1], 4)
		for r, x := range same[1] {
			require.NotEqual(t, 3, x.Index)
			require.LessOrEqual(t, x.Score, same[1][max(r-1, 0)].Score)
		}
		if c.Train.Task == "skipgram:n=1" {
			_, err = opened.Predict(t.Context(), kept, []int{0}, 3, false)
			require.ErrorContains(t, err, "the contexts of task skipgram:n=1 are no users; fenchel similar")
			continue
		}
		tops, err := opened.PredictHistories(t.Context(), kept, [][]int32{{1, 2, 3}}, kept.Items, false)
		require.NoError(t, err)
		require.Len(t, tops[0].IDs, kept.Items, "a word may follow on itself")
	}
}

// TestProbabilitiesAreAskedForBeforeTraining: what gives none is an error of the configuration
// that lists what does; a metric that nobody asked for is another one then.
func TestProbabilitiesAreAskedForBeforeTraining(t *testing.T) {
	for text, want := range map[string]string{
		"{loss: sparsemax, eval: {metrics: [nll]}}":                         "eval.metrics: nll asks for probabilities of classes: loss sparsemax has a map of its own",
		"{loss: ccl, eval: {metrics: [perplexity]}}":                        "perplexity asks for probabilities of classes: loss ccl",
		"{train: {solver: ials}, eval: {metrics: [nll]}}":                   "nll asks for probabilities of classes, and solver ials finds none; solver gradient does",
		"{eval: {metrics: ['nll@20']}}":                                     "nll has no cut-off",
		"{eval: {metrics: [recall]}}":                                       "lacks its cut-off",
		"{model: {name: ngram}, loss: entmax, eval: {metrics: [nll, nll]}}": "nll",
	} {
		cfg, err := Parse([]byte(text))
		require.NoError(t, err)
		require.ErrorContains(t, cfg.Validate(), want, text)
	}
	for _, text := range []string{"{loss: sampled-softmax}", "{loss: nce}", "{loss: neg}", "{loss: hsm}", "{loss: adaptive-softmax}", "{loss: class-softmax}", "{loss: cosine}", "{loss: bpr}"} {
		cfg, err := Parse([]byte(text))
		require.NoError(t, err)
		cfg.Model.Name, cfg.Eval.Metrics = "ngram", []string{"nll"}
		require.NoError(t, cfg.Validate(), text)
	}
	cfg := Config{Loss: "sparsemax"}
	cfg.Model.Name = "ngram"
	require.Equal(t, []string{"recall@20", "ndcg@20"}, cfg.WithDefaults().Eval.Metrics)
	cfg.Loss = "softmax"
	require.Equal(t, []string{"perplexity", "nll"}, cfg.WithDefaults().Eval.Metrics)
}

// likely is a Scorer whose probabilities are what f says.
type likely struct{ logP []float64 }

func (s likely) Rankings(_ context.Context, q models.Query, each func(i int, top models.Top)) error {
	for i := range q.Rows {
		each(i, models.Top{LogP: s.logP})
	}
	return nil
}

// TestEvaluationOfProbabilities: a Scorer that gives none, too many, or such as are above 1, breaks
// the contract; an infinite value is an error, and not a number that a report would hold.
func TestEvaluationOfProbabilities(t *testing.T) {
	ms, err := metric.ParseAll([]string{"nll"})
	require.NoError(t, err)
	x := &data.Examples{Context: &data.Frame{Rows: 1}, Row: []int32{0}, Targets: data.Targets{Class: []int32{1}}}
	e := Evaluation{Split: "test", Examples: x, Classes: 3, Metrics: ms}
	for _, c := range []struct {
		logP []float64
		want string
	}{
		{nil, "breaks the contract of a Scorer: row 0 has 0 log-probabilities of 1 classes"},
		{[]float64{-1, -1}, "row 0 has 2 log-probabilities of 1 classes"},
		{[]float64{0.5}, "row 0 has a log-probability of 0.5, above 0"},
		{[]float64{math.NaN()}, "row 0 has a log-probability of NaN"},
		{[]float64{math.Inf(-1)}, "nll is +Inf"},
	} {
		_, err := Evaluate(t.Context(), likely{c.logP}, e)
		require.ErrorContains(t, err, c.want)
	}
	scores, err := Evaluate(t.Context(), likely{[]float64{-2}}, e)
	require.NoError(t, err)
	require.Equal(t, 2.0, scores.Values[0].Value)
	require.Equal(t, [][]float64{{2}}, scores.PerExample)
}

// wikitext is the validation part of WikiText-2.
const wikitext = "../../shared/data/text/wikitext2-valid.txt.gz"

// TestQualityOfText: by its name alone ngram is, on a part of WikiText-2 of 10,000 words, within
// 5 % of an interpolated Kneser–Ney bigram after two epochs and below it at the end, and better
// than the counts of words and than itself with windows in another order, or cut to one word. Run it by
//
//	go test -v -run TestQualityOfText ./train -quality
func TestQualityOfText(t *testing.T) {
	quality.Need(t, "minutes", wikitext)
	set, err := data.Load(data.Config{Source: wikitext, Format: "text"})
	require.NoError(t, err)
	require.Equal(t, 10000, set.Items)
	var cfg Config
	cfg.Model.Name = "ngram"
	p, err := cfg.Plan()
	require.NoError(t, err)
	bigram, err := baseline.NewKneserNey(set)
	require.NoError(t, err)
	unigram, err := baseline.NewUnigram(set)
	require.NoError(t, err)
	_, kneser := likelihood(t, bigram, p, set, "valid", nil)
	res, err := Run(t.Context(), cfg, set, nil)
	require.NoError(t, err)
	for _, e := range res.History {
		t.Logf("epoch %d: %v; Kneser–Ney %.1f", e.Epoch, e.Valid, kneser)
	}
	require.Less(t, res.History[1].Valid.Values[0].Value, 1.05*kneser)
	require.True(t, res.Stopped, "it ends by itself")
	require.Less(t, res.Valid.Values[0].Value, kneser)
	_, own := likelihood(t, res.Trained, p, set, "test", nil)
	_, words := likelihood(t, unigram, p, set, "test", nil)
	_, kneser = likelihood(t, bigram, p, set, "test", nil)
	_, other := likelihood(t, res.Trained, p, set, "test", shuffled)
	_, cut := likelihood(t, res.Trained, p, set, "test", lastOnly)
	t.Logf("test: %.1f, Kneser–Ney %.1f, words %.1f, shuffled %.1f, one word %.1f", own, kneser, words, other, cut)
	require.Less(t, own, kneser)
	require.Less(t, own, 0.8*words)
	require.Less(t, own, 0.8*other)
	require.Less(t, own, 0.95*cut)
}

// lastOnly returns contexts whose histories are their last event.
func lastOnly(f *data.Frame) *data.Frame {
	out := *f
	out.Fields = slices.Clone(f.Fields)
	for i := range out.Fields {
		if x := &out.Fields[i]; x.Name == "history" {
			x.Lo = slices.Clone(x.Lo)
			for r, hi := range x.Hi {
				x.Lo[r] = max(x.Lo[r], hi-1)
			}
		}
	}
	return &out
}
