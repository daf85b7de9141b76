package plot

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNumbersDrawTheFigureAgain: of what JSON holds of a figure the same bytes are drawn,
// infinities included, and every null has a note that says what it stands for.
func TestNumbersDrawTheFigureAgain(t *testing.T) {
	all := figures()
	all["odd"] = Bars{Title: "Odd", Groups: []string{"a", "b", "c"}, Series: []Bar{{Name: "x", Values: []float64{1, inf, -inf}, Err: []float64{nan, 0, inf}}}}
	all["one"] = Lines{Title: "One", X: Axis{Log: true, Min: 1, Max: 1000}, Series: []Series{{Y: []float64{1, nan, -inf, 4}, Err: []float64{0.5, nan, inf, 0}}}}
	all["groups"] = Scatter{Title: "Groups", Points: []Point{{Group: "g", X: 1, Y: 2, XErr: nan, YErr: inf}, {Group: "g", X: 2, Y: -inf}, {Label: "l", X: 3, Y: 3}}, Frontier: true}
	for name, f := range all {
		t.Run(name, func(t *testing.T) {
			want, err := SVG(f)
			require.NoError(t, err)
			text, err := json.Marshal(NumbersOf(f))
			require.NoError(t, err)
			var n Numbers
			require.NoError(t, json.Unmarshal(text, &n))
			back, err := n.Figure()
			require.NoError(t, err)
			got, err := SVG(back)
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
			again, err := json.Marshal(NumbersOf(back))
			require.NoError(t, err)
			require.JSONEq(t, string(text), string(again))
		})
	}
	text, err := json.Marshal(NumbersOf(all["odd"]))
	require.NoError(t, err)
	require.Contains(t, string(text), `"values":[1,null,null],"err":[null,0,null],"not_finite":[{"of":"values","at":1,"is":"+Inf"},{"of":"values","at":2,"is":"-Inf"},{"of":"err","at":0,"is":"NaN"},{"of":"err","at":2,"is":"+Inf"}]`)
}

func TestNumbersThatAreNoFigure(t *testing.T) {
	axis := &Scale{Scale: "linear"}
	for want, n := range map[string]Numbers{
		"unknown kind of figure": {Kind: "pie", X: axis, Y: axis},
		"without an axis":        {Kind: "lines", X: axis},
		"unknown scale":          {Kind: "bars", Value: &Scale{Scale: "sqrt"}},
		"of 0 panels":            {Kind: "lines", X: axis, Y: axis},
	} {
		_, err := n.Figure()
		require.ErrorContains(t, err, want)
	}
}
