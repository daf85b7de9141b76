package cli

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
)

func TestTableLinesUp(t *testing.T) {
	tab := newTable("NAME", "VALUE", "NOTE")
	tab.add("α", 0.25, "first")
	tab.add("beta", none, "")
	tab.add("c", 12, "x y")
	var b strings.Builder
	tab.print(&b, "  ")
	require.Equal(t, `  NAME  VALUE  NOTE
  α      0.25  first
  beta      -
  c        12  x y
`, b.String())
}

func TestEmptyTablePrintsItsHead(t *testing.T) {
	var b strings.Builder
	newTable("A", "B").print(&b, "")
	require.Equal(t, "A  B\n", b.String())
}

func TestTableRefusesARaggedRow(t *testing.T) {
	require.PanicsWithValue(t, "table: 1 cells in 2 columns", func() { newTable("A", "B").add(1) })
}

func TestJSONHoldsEveryNumber(t *testing.T) {
	var b strings.Builder
	require.NoError(t, printJSON(&b, []report.Number{0.5, report.Number(math.Inf(1)), report.Number(math.NaN())}))
	require.Equal(t, "[\n  0.5,\n  null,\n  null\n]\n", b.String())
}
