package train

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/quality"
	"github.com/fenchel-ml/fenchel/train/metric"
)

// labelConfigs are runs on points.
var labelConfigs = map[string]string{
	"direct":  "{model: {name: 'linear:drop=0.2'}}",
	"bag":     "{model: {name: 'linear:form=bag,norm=none', dim: 8}, loss: bce, train: {weight: sqrt}}",
	"layers":  "{model: {name: 'linear:layers=2,drop=0.2', dim: 8}, loss: hsm}",
	"drawn":   "{model: {name: linear}, loss: 'sampled-softmax:n=6'}",
	"dropped": "{model: {name: 'linear:form=bag', dim: 8}, train: {dropout: 0.3}, loss: 'entmax@adaptive'}",
}

func points(t *testing.T) *data.Dataset {
	return load(t, "demo:users=300,items=60,per-user=3,features=40,has=6")
}

// TestResumeLabels: runs on points go on with the bits of one that was not interrupted.
func TestResumeLabels(t *testing.T) {
	set := points(t)
	for name, text := range labelConfigs {
		if testing.Short() && name != "dropped" {
			continue
		}
		t.Run(name, func(t *testing.T) { resumes(t, quick(text), set) })
	}
}

// TestSameBitsOfLabels: they have the same bits at any GOMAXPROCS.
func TestSameBitsOfLabels(t *testing.T) {
	set := points(t)
	for name, text := range labelConfigs {
		if testing.Short() && name != "direct" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := quick(text)
			c.Train.Epochs = 2
			want, test := runAt(t, 1, c, set)
			for _, procs := range []int{2, 4} {
				got, scores := runAt(t, procs, c, set)
				require.Equal(t, want, got)
				require.Equal(t, test, scores)
			}
		})
	}
}

// TestEstimateLabels: what a run on points will hold is said, and what they hold.
func TestEstimateLabels(t *testing.T) {
	before := live()
	set := load(t, "demo:users=1500,items=3000,per-user=3,features=1200,has=30")
	require.InDelta(t, 1, float64(live()-before)/float64(set.Bytes()), 0.25)
	for name, text := range labelConfigs {
		if testing.Short() && name != "bag" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			c := quick(text)
			c.Model.Dim, c.Train.Batch = 64, 128
			estimates(t, c, set)
		})
	}
}

// TestLinearLearns: by its features alone a model ranks labels of points that it never saw
// better than popularity, and than itself by the features of others. What the run keeps of the
// data is what it was trained on.
func TestLinearLearns(t *testing.T) {
	set := load(t, "demo:users=2000,items=100,per-user=3,features=200,has=12")
	dir := t.TempDir()
	c := quick("{model: {name: linear}, train: {epochs: 8}, eval: {metrics: ['p@1', 'psp@3', 'ndcg@5']}}")
	res, err := RunDir(t.Context(), dir, c, set, nil)
	require.NoError(t, err)
	require.Equal(t, "label", res.Trained.Plan.Config.Train.Task)
	own, pop, others := besideItself(t, res, set, othersFeatures)
	require.Greater(t, own, 1.5*pop)
	require.Greater(t, own, 1.5*others)

	kept, err := OpenSet(dir)
	require.NoError(t, err)
	require.Equal(t, set.Hash(), kept.Hash())
	again, err := Open(dir, kept)
	require.NoError(t, err)
	scores, err := again.Evaluate(t.Context(), kept, "test", again.Plan.Metrics)
	require.NoError(t, err)
	require.Equal(t, res.Test.Values, scores.Values)
	tops, err := again.Predict(t.Context(), kept, []int{0}, 3, false)
	require.NoError(t, err)
	require.Len(t, tops[0].IDs, 3, "of a point nothing is left out")
}

// othersFeatures gives each row the features of the row before.
func othersFeatures(f *data.Frame) *data.Frame {
	g := *f
	g.Fields = append([]data.Field(nil), f.Fields...)
	for i := range g.Fields {
		x := &g.Fields[i]
		if x.Name != "features" {
			continue
		}
		n := len(x.Lo)
		x.Lo, x.Hi = append(x.Lo[n-1:n:n], x.Lo[:n-1]...), append(x.Hi[n-1:n:n], x.Hi[:n-1]...)
	}
	return &g
}

// TestUnlabelledPoints: P@k is over all points, those without labels among them, other metrics
// are not, and propensities count them in training.
func TestUnlabelledPoints(t *testing.T) {
	p := data.Points{Name: "few", Features: 3, Labels: 4}
	for u := range 12 {
		x := data.Point{Features: []int32{int32(u % 3)}}
		if u%4 > 0 {
			x.Labels = []int32{int32(u % 3)}
		}
		p.Train, p.Test = append(p.Train, x), append(p.Test, x)
	}
	set, err := data.FromPoints(p, "")
	require.NoError(t, err)
	c := quick("{model: {name: linear}, train: {epochs: 20, batch: 4, optimizer: 'adam:lr=0.1,mode=dense'}, eval: {metrics: ['p@1', 'precision@1', 'psp@1']}}")
	res, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	value := func(text string) float64 {
		v, ok := res.Test.Get(text)
		require.True(t, ok)
		return v
	}
	require.Equal(t, 9, res.Test.Examples)
	require.Equal(t, 3, res.Test.Unlabelled)
	require.Len(t, res.Test.PerExample[0], 9)
	require.InDelta(t, 0.75, value("p@1"), 1e-12)
	require.InDelta(t, 1, value("precision@1"), 1e-12)
	require.InDelta(t, 1, value("psp@1"), 1e-12)
	e, err := res.Trained.Evaluation(set, "test", res.Trained.Plan.Metrics)
	require.NoError(t, err)
	require.Equal(t, metric.Set{Classes: 4, Count: []int32{3, 3, 3, 0}, Trained: 9, Contexts: 12}, e.Known)
	require.Equal(t, []int32{3}, e.LeftOut)
	left, err := Evaluate(t.Context(), res.Trained, e)
	require.NoError(t, err)
	require.Equal(t, res.Test.Values, left.Values)
}

// TestPointsAreRefused: what knows users by their numbers, or by what they had, says so.
func TestPointsAreRefused(t *testing.T) {
	set := points(t)
	for text, want := range map[string]string{
		"{}":                     "are points with labels, and task user is of users with interactions; take train.task label",
		"{train: {solver: als}}": "are points with labels",
		"{train: {task: label}}": "model mf reads none of the fields by which the points",
		"{model: {name: pool}, train: {task: label}}":                  `no field "history"`,
		"{model: {name: linear}, train: {task: user}}":                 "are points with labels",
		"{model: {name: linear}, protocol: recbole}":                   "",
		"{model: {name: linear}, candidates: 'sampled:n=4,hits=seen'}": `no field "history"`,
	} {
		_, err := New(quick(text), set)
		if want == "" {
			require.Error(t, err, text)
			continue
		}
		require.ErrorContains(t, err, want, text)
	}
	_, err := New(quick("{model: {name: linear}}"), small(t))
	require.ErrorContains(t, err, `no field "features"`)
	_, err = New(quick("{train: {task: label}}"), small(t))
	require.NoError(t, err, "what examples lack shows when they are made")
	_, err = Run(t.Context(), quick("{train: {task: label, epochs: 1}}"), small(t), nil)
	require.ErrorContains(t, err, "the set has no points with labels")
}

// bibtex are 4880 points to train on and 2515 to label, of 1836 features and 159 labels.
const bibtex = "../../shared/data/xmc-bibtex"

// TestQualityOfLabels: by its name alone linear reaches on bibtex what a reference in NumPy
// does, above popularity and itself by the features of others. Run it by
//
//	go test -v -run TestQualityOfLabels ./train -quality
func TestQualityOfLabels(t *testing.T) {
	quality.Need(t, "half a minute", bibtex)
	set, err := data.Load(data.Config{Source: filepath.Clean(bibtex)})
	require.NoError(t, err)
	for loss, want := range map[string][3]float64{"bce": {0.623, 0.385, 0.286}, "softmax": {0.61, 0.37, 0.27}} {
		t.Run(loss, func(t *testing.T) {
			c := Config{Loss: loss, Model: ModelConfig{Name: "linear"}}
			res, err := Run(t.Context(), c, set, nil)
			require.NoError(t, err)
			t.Logf("%.1f s; %v", res.Seconds, res.Test)
			for i, text := range []string{"p@1", "p@3", "p@5"} {
				v, ok := res.Test.Get(text)
				require.True(t, ok)
				require.GreaterOrEqual(t, v, want[i], text)
			}
			own, pop, others := besideItself(t, res, set, othersFeatures)
			require.Greater(t, own, 3*pop)
			require.Greater(t, own, 3*others)
		})
	}
}
