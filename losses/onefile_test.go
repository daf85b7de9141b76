package losses_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
	"github.com/fenchel-ml/fenchel/losses"
)

// toyFile is a loss in one file: half the squared lead of the best class.
const toyFile = `package losses

import (
	"math"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

func init() {
	Register(Spec{
		Name: "toy-file", Doc: "half the squared lead of the best class", Source: "a test",
		Theory: func(Values) Theory {
			return Theory{
				Props:           NonNegative | ShiftInvariant | Convex | SparseGradient | AffineInTarget,
				Smoothness:      Constant(math.Inf(1)),
				PopulationOrder: OrderWeak,
				Support:         Support{Of: BestRival}, Cost: "O(K)",
			}
		},
		New: func(Values) graph.Analytic { return graph.Analytic{F32: toy[float32]{}, F64: toy[float64]{}} },
		Node: func(_ Values, z *gorgonia.Node, t *graph.Targets) (*gorgonia.Node, error) {
			return graph.EachPositive(z, t, func(z *gorgonia.Node, y *graph.Targets) (*gorgonia.Node, error) {
				var e graph.Expr
				lead := e.N(graph.Sub(e.N(graph.RowMax(z)), e.N(graph.TargetDot(z, y))))
				return e.N(graph.Scale(e.N(graph.Square(lead)), 0.5)), e.Err
			})
		},
		Ref: func(_ Values, z []float64, t Target[float64]) (loss float64) {
			for i, k := range t.Pos {
				loss += t.Weight[i] * (slices.Max(z) - z[k]) * (slices.Max(z) - z[k]) / 2
			}
			return loss
		},
	})
}

type toy[T Float] struct{}

func (toy[T]) WorkLen(int) int { return 0 }

func (toy[T]) Eval(dz, z []T, t Target[T], _ []T) T {
	m, at := Peak(z)
	if m != m {
		return nan[T]()
	}
	clear(dz)
	var loss float64
	for i, k := range t.Pos {
		w, lead := float64(t.Weight[i]), m-float64(z[k])
		loss += w * lead * lead / 2
		dz[at] = T(float64(dz[at]) + w*lead)
		dz[k] = T(float64(dz[k]) - w*lead)
	}
	return T(loss)
}
`

// One more file is one more loss: it registers itself, passes conformance, and
// nothing else changes. The file is laid over the package for one run of the go
// tool and never written into it.
func TestOneFileAddsALoss(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the package again")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		needs.System(t, "the go tool in PATH")
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	tmp := t.TempDir()
	file, overlay := filepath.Join(tmp, "toyfile.go"), filepath.Join(tmp, "overlay.json")
	require.NoError(t, os.WriteFile(file, []byte(toyFile), 0o600))
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(dir, "toyfile.go"): file}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(overlay, raw, 0o600))

	out, err := exec.CommandContext(t.Context(), goTool, "test", "-overlay", overlay, "-v", "-run", "^(TestConformance|TestRegistered)$/^toy-file$", ".").CombinedOutput()
	require.NoErrorf(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestConformance/toy-file")
	_, list, ok := strings.Cut(string(out), "registered: ")
	require.Truef(t, ok, "%s", out)
	list, _, _ = strings.Cut(list, "\n")
	require.Equal(t, losses.Names(), strings.Fields(strings.Replace(list, "toy-file ", "", 1)))
}

// TestRegistered logs the registry, for the test above to read.
func TestRegistered(t *testing.T) {
	require.NotEmpty(t, losses.Names())
	t.Log("registered: " + strings.Join(losses.Names(), " "))
}
