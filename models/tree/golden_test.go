package tree

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/check"
)

// Vectors of independent programs; see testdata/golden.json for their oracles.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			ID, Loss string
			RTol     float64
			Params   struct{ Cutoffs []int32 }
			Input    struct {
				Freq    []float64
				Z       []float64
				Paths   [][]int32
				Bits    [][]int // [][]uint8 would be base64
				Y       json.RawMessage
				ClassOf []int32   `json:"class_of"`
				ZClass  []float64 `json:"z_class"`
				ZWord   []float64 `json:"z_word"`
				H, Head [][]float64
				Tail    [][][][]float64
			}
			Expect struct {
				Total   float64 `json:"total_weighted_length"`
				Loss    float64
				PY      float64 `json:"p_y"`
				LogP    []float64
				LogProb [][]float64
			}
		}
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Cases, 8)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			in, want := c.Input, c.Expect
			near := func(got, want float64) {
				require.True(t, check.Near(got, want, c.RTol, 1e-12), "%v, want %v", got, want)
			}
			switch c.Loss {
			case "huffman_cost":
				tr, err := New("huffman", len(in.Freq), in.Freq)
				require.NoError(t, err)
				near(tr.Cost(in.Freq), want.Total)
			case "hsm":
				bits := make([][]uint8, len(in.Bits))
				for y, row := range in.Bits {
					for _, b := range row {
						bits[y] = append(bits[y], uint8(b))
					}
				}
				tr, err := FromPaths(in.Paths, bits)
				require.NoError(t, err)
				var y int
				require.NoError(t, json.Unmarshal(in.Y, &y))
				dst := make([]float64, tr.Classes())
				LogP(tr, dst, in.Z, make([]float64, tr.Nodes()))
				near(-dst[y], want.Loss)
				near(math.Exp(dst[y]), want.PY)
			case "class_softmax":
				p, err := FromGroups(in.ClassOf)
				require.NoError(t, err)
				dst := make([]float64, len(in.ZWord))
				partitionLogP(p, dst, in.ZClass, in.ZWord)
				for y := range dst {
					near(dst[y], want.LogP[y])
				}
			case "adaptive_softmax":
				a, err := NewAdaptive(make([]float64, 10), c.Params.Cutoffs)
				require.NoError(t, err)
				product := func(w [][]float64, h []float64) []float64 {
					z := make([]float64, len(w))
					for i, row := range w {
						for j, v := range row {
							z[i] += v * h[j]
						}
					}
					return z
				}
				require.Len(t, in.Head, a.Head())
				dst := make([]float64, 10)
				for r, h := range in.H {
					var tail [][]float64
					for i, w := range in.Tail {
						require.Len(t, w[0], a.Dim(i, len(h), 2))
						require.Len(t, w[1], a.Size(i))
						tail = append(tail, product(w[1], product(w[0], h)))
					}
					head := product(in.Head, h)
					adaptiveLogP(a, dst, head, tail)
					for y := range dst {
						near(dst[y], want.LogProb[r][y])
						// Split leads to the same logits: odds within a softmax are
						// differences of logits.
						at, cluster, pos := a.Split(y)
						if cluster < 0 {
							near(dst[y]-dst[0], head[at]-head[0])
						} else {
							near(dst[y]-dst[a.Class[a.Cutoffs[cluster]]], tail[cluster][pos]-tail[cluster][0])
							require.Equal(t, int(a.Cutoffs[0])+cluster, at)
						}
					}
				}
			default:
				t.Fatalf("no test for %s", c.Loss)
			}
		})
	}
}
