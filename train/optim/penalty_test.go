package optim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPenalty(t *testing.T) {
	for text, want := range map[string]struct {
		p    Penalty
		text string
	}{
		"0":                     {Penalty{}, "0"},
		" 1e-4 ":                {Penalty{Rest: 1e-4}, "0.0001"},
		"on=batch,1e-4":         {Penalty{Rest: 1e-4, Batch: true}, "0.0001,on=batch"},
		"1e-4,on=all":           {Penalty{Rest: 1e-4}, "0.0001"},
		"user=.5, class = 0":    {Penalty{Named: []Share{{"class", 0}, {"user", 0.5}}}, "class=0,user=0.5"},
		"user=1,2,class=1":      {Penalty{Rest: 2, Named: []Share{{"class", 1}, {"user", 1}}}, "2,class=1,user=1"},
		"class=0,user=0,0":      {Penalty{Named: []Share{{"class", 0}, {"user", 0}}}, "class=0,user=0"},
		"context=3,on=batch,01": {Penalty{Rest: 1, Named: []Share{{"context", 3}}, Batch: true}, "1,context=3,on=batch"},
	} {
		p, err := ParsePenalty(text)
		require.NoError(t, err, text)
		require.Equal(t, want.p, p, text)
		require.Equal(t, want.text, p.String())
		again, err := ParsePenalty(p.String())
		require.NoError(t, err)
		require.Equal(t, p, again)
	}
	for text, part := range map[string]string{
		"":                `"" is neither a number nor name=number`,
		"x":               `"x" is neither a number nor name=number; it goes as in 1e-4, user=1e-4,class=1e-5 or 1e-4,on=batch`,
		"=3":              `"=3" is neither`,
		"user=":           `"user=" is neither`,
		"-1":              "-1 is outside [0, 3.4",
		"user=1e39":       "user=1e39 is outside",
		"1e999":           "1e999 is outside",
		"nan":             "is neither",
		"1,2":             "gives the number without a name twice",
		"a=1,b=2,a=1":     "gives a twice",
		"1,on=rows":       `on="rows" is not one of all, batch`,
		"on=batch,on=all": "gives on twice",
		"user=1,":         `"" is neither`,
	} {
		_, err := ParsePenalty(text)
		require.ErrorContains(t, err, part, text)
	}
}

// TestPenaltyOf: names have their own numbers, others the rest, and those that a penalty
// does not know are named beside the choices.
func TestPenaltyOf(t *testing.T) {
	p, err := ParsePenalty("2,user=3,class=0")
	require.NoError(t, err)
	require.Equal(t, []float64{3, 0, 2}, []float64{p.Of("user"), p.Of("class"), p.Of("bias")})
	require.False(t, p.Zero())
	require.NoError(t, p.Check([]string{"bias", "class", "user"}))
	require.EqualError(t, p.Check([]string{"users", "class"}), `no "user" to draw to 0 (did you mean users?); the choices are users, class`)
	for text, zero := range map[string]bool{"0": true, "0,user=0": true, "user=1": false, "1,user=0": false} {
		p, err := ParsePenalty(text)
		require.NoError(t, err)
		require.Equal(t, zero, p.Zero(), text)
	}
}
