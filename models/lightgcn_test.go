package models

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/gorgonia"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestLightGCNIsItsDefinition holds both sides to the formula of the paper, as loops over a
// matrix of all users and classes with all of its zeros: He et al. 2020, equations 6 to 8.
func TestLightGCNIsItsDefinition(t *testing.T) {
	set := demo(t)
	for layers := range 4 {
		t.Run(fmt.Sprint(layers), func(t *testing.T) {
			m := modelOf(t, fmt.Sprint("lightgcn:layers=", layers), set)
			g := NewGraph(graph.NewPlan[float32](), set.Contexts(), 2, set.Classes())
			_, err := Encode(g, m)
			require.NoError(t, err)
			_, err = m.Classes(g.Classes)
			require.NoError(t, err)
			require.Len(t, g.Tables(), 2)
			for _, table := range g.Tables() {
				table.Initialise(3)
			}
			n, d := set.Users+set.Items, m.Dim()
			x := make([][]float64, n)
			for _, table := range g.Tables() {
				at := map[string]int{"user": 0, "item": set.Users}[table.Name]
				for i := range table.Rows {
					for _, v := range table.Data[i*d : (i+1)*d] {
						x[at+i] = append(x[at+i], float64(v))
					}
				}
			}
			adjacent, degree := make([][]float64, n), make([]float64, n)
			for i := range adjacent {
				adjacent[i] = make([]float64, n)
			}
			for u := range set.Users {
				for _, i := range set.Train.ItemsOf(u) {
					j := set.Users + int(i)
					adjacent[u][j], adjacent[j][u] = 1, 1
					degree[u]++
					degree[j]++
				}
			}
			mean := make([][]float64, n)
			for i := range x {
				mean[i] = append(mean[i], x[i]...)
			}
			for range layers {
				next := make([][]float64, n)
				for i := range next {
					next[i] = make([]float64, d)
					for j, a := range adjacent[i] {
						if a != 0 {
							for k := range d {
								next[i][k] += x[j][k] / math.Sqrt(degree[i]) / math.Sqrt(degree[j])
							}
						}
					}
				}
				x = next
				for i := range mean {
					for k := range d {
						mean[i][k] += x[i][k]
					}
				}
			}
			e, err := NewEncoder(m, set.Contexts(), 7)
			require.NoError(t, err)
			defer e.Close()
			users := make([]int32, set.Users)
			for u := range users {
				users[u] = int32(u)
			}
			got := make([]float32, n*d)
			require.NoError(t, e.Encode(got, users))
			w, err := ClassVectors(m, set.Classes())
			require.NoError(t, err)
			copy(got[set.Users*d:], w)
			for i := range mean {
				for k, want := range mean[i] {
					require.InDelta(t, want/float64(layers+1), got[i*d+k], 1e-5)
				}
			}
		})
	}
}

// counted is a model whose encodings are rows of a table that an op of its own doubles, and
// counts how often; ofRows has the op see the rows of a batch, too.
type counted struct {
	FreeClasses
	user   *Table
	ofRows bool
	runs   int
}

func (m *counted) Dim() int { return m.user.Dim }

func (m *counted) Contexts(in *Inputs) (*gorgonia.Node, error) {
	var e graph.Expr
	ids := e.N(in.IDs("user"))
	twice := e.N(in.Once(m, func() (*gorgonia.Node, error) {
		inner := e.N(in.Once("inner", func() (*gorgonia.Node, error) { return in.Table(m.user), nil }))
		operands := []*gorgonia.Node{inner}
		if m.ofRows {
			operands = append(operands, ids)
		}
		return graph.Apply(graph.Op{Name: "twice", Shape: inner.Shape(), F32: func(_ graph.Run, dst []float32, in []graph.Operand[float32]) error {
			m.runs++
			for i, v := range in[0].Floats {
				dst[i] = 2 * v
			}
			return nil
		}}, operands...)
	}))
	return e.N(graph.Lookup(twice, ids)), e.Err
}

// TestOnceAnEvaluation: what a model makes of tables alone is computed once in an evaluation
// of many blocks, and what depends on the rows of a block with each.
func TestOnceAnEvaluation(t *testing.T) {
	set := demo(t)
	for _, ofRows := range []bool{false, true} {
		s := Setting{Set: set, Dim: 3, Init: 1}
		m := &counted{FreeClasses: NewFreeClasses(s), user: s.NewTable("user", set.Users, 3), ofRows: ofRows}
		m.user.Initialise(5)
		e, err := NewEncoder(m, set.Contexts(), 4)
		require.NoError(t, err)
		rows := []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 3, 2}
		got := make([]float32, len(rows)*3)
		require.NoError(t, e.Encode(got, rows))
		require.NoError(t, e.Encode(got[:3*3], rows[:3]))
		for i, r := range rows {
			for k := range 3 {
				require.Equal(t, 2*m.user.Data[int(r)*3+k], got[i*3+k])
			}
		}
		require.NoError(t, e.Close())
		require.Equal(t, map[bool]int{false: 1, true: 4}[ofRows], m.runs)
	}
}
