package train

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/models"
)

func init() {
	models.Register(models.Spec{
		Name: "dropped-mf", Doc: "mf of which half is dropped", Source: "this test",
		Params: []registry.Param{{Name: "p", Doc: "rate of dropout", Default: 0.5, Min: 0, Max: 0.9}},
		New: func(v registry.Values, s models.Setting) (models.Model, error) {
			mf, err := models.Parse("mf")
			if err != nil {
				return nil, err
			}
			m, err := mf.New(s)
			return droppedModel{m, v.Num("p")}, err
		},
	})
}

type droppedModel struct {
	models.Model
	p float64
}

// drawn, if not nil, is told what elements are dropped in each run.
var drawn func(mask string)

func (m droppedModel) Contexts(in *models.Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	h := e.N(graph.Dropout(e.N(m.Model.Contexts(in)), m.p, 5))
	if drawn == nil || e.Err != nil {
		return h, e.Err
	}
	look := e.N(graph.HostIntsOf(h, func(_ []int32, h []float32) error {
		var mask strings.Builder
		for row := range slices.Chunk(h, m.Dim()) {
			if !slices.ContainsFunc(row, func(x float32) bool { return x != 0 }) {
				continue // padding, as a rule
			}
			for _, x := range row {
				mask.WriteString(map[bool]string{false: "x", true: "."}[x == 0])
			}
		}
		drawn(mask.String())
		return nil
	}, 1))
	nothing := e.N(graph.HostFloats(look, func(dst []float32) error { clear(dst); return nil }, h.Shape()...))
	return e.N(graph.Add(h, nothing)), e.Err
}

// TestResumeDropout: a resumed run draws the masks that it would have drawn, others in
// each step.
func TestResumeDropout(t *testing.T) {
	set := small(t)
	c := quick("{model: {name: dropped-mf}, train: {patience: 3}}")
	resumes(t, c, set)

	masks := map[string]bool{}
	drawn = func(mask string) { masks[mask] = true }
	defer func() { drawn = nil }()
	_, err := Run(t.Context(), c, set, nil)
	require.NoError(t, err)
	steps := 4 * 5
	dropped := 0
	for mask := range masks {
		if n := strings.Count(mask, "."); n > 0 {
			require.InDelta(t, 0.5, float64(n)/float64(len(mask)), 0.15)
			dropped++
		}
	}
	require.Equal(t, steps, dropped)
}
