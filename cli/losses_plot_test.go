package cli

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/losses"
)

func TestPlotOfEveryLoss(t *testing.T) {
	file := filepath.Join(t.TempDir(), "losses.svg")
	code, out, stderr := execute(t, "losses", "--plot", file)
	require.Equal(t, exitOK, code, stderr)
	require.Equal(t, "figure "+file+"\n", out)
	svg := string(readFile(t, file))
	for _, name := range losses.Names() {
		require.Contains(t, svg, ">"+name+"<", "a panel with the loss's name")
	}
	require.NotContains(t, svg, "nothing to draw")
}

func TestPlotOfOneLoss(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.svg", "a.PNG"} {
		code, _, stderr := execute(t, "losses", "softmax:tau=0.5", "--plot", filepath.Join(dir, name))
		require.Equal(t, exitOK, code, stderr)
	}
	require.Contains(t, string(readFile(t, filepath.Join(dir, "a.svg"))), "softmax:tau=0.5, 10 candidates")
	require.Equal(t, "\x89PNG", string(readFile(t, filepath.Join(dir, "a.PNG"))[:4]))
	b, err := losses.Parse("hinge")
	require.NoError(t, err)
	from, to := -4.0, 2.0
	p, err := curves(b, span{&from, &to})
	require.NoError(t, err)
	require.Len(t, p.Series, 2)
	require.Equal(t, []float64{-4, 5, -1}, []float64{p.Series[0].X[0], p.Series[0].Y[0], p.Series[1].Y[0]}, "1 − margin, falling by 1")

	require.Equal(t, 2.0, p.Series[0].X[curvePoints-1])
	p, err = curves(b, span{to: &to})
	require.NoError(t, err)
	require.Equal(t, []float64{-1.5, 2}, []float64{p.Series[0].X[0], p.Series[0].X[curvePoints-1]}, "the loss's own range, where no other is given")
	code, _, stderr := execute(t, "losses", "hinge", "--from", "-1", "--to", "3", "--plot", filepath.Join(dir, "b.svg"))
	require.Equal(t, exitOK, code, stderr)

	for _, args := range [][]string{{"losses", "--plot", "x.pdf"}, {"losses", "hinge", "--from", "-1"}, {"losses", "hinge", "--plot", "x.svg", "--from", "2", "--to", "1"},
		{"losses", "--plot", "x.svg", "--latex"}, {"losses", "--latex", "--json"}, {"losses", "hinge", "--plot", "x.svg", "--to", "nan"}, {"losses", "--plot", ""}, {"losses", "nosuch", "--plot", "x.svg"}, {"losses", "--plot", "x.svg", "--json"}} {
		code, _, _ := execute(t, args...)
		require.Equal(t, exitUsage, code, args)
	}
	code, _, stderr = execute(t, "losses", "--plot", filepath.Join(dir, "none", "x.svg"))
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "no such file")
}

// TestPoleIsNotDrawn: what would make the rest a flat line interrupts it.
func TestPoleIsNotDrawn(t *testing.T) {
	y := []float64{1, -2, 1e5, 3}
	interruptPole(y)
	require.True(t, math.IsNaN(y[2]))
	require.Equal(t, []float64{1, -2, 3}, []float64{y[0], y[1], y[3]})
	y = []float64{1, 250, -200}
	interruptPole(y)
	require.Equal(t, []float64{1, 250, -200}, y)
}
