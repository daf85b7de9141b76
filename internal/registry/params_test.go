package registry

import (
	"fmt"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var list = []Param{
	{Name: "tau", Doc: "temperature", Default: 1, Min: 1e-6, Max: math.Inf(1), Probe: []float64{0.2}},
	{Name: "n", Doc: "draws", Default: 5, Min: 1, Max: 100, Integer: true},
	{Name: "form", Doc: "which", Choices: Enum("a", "b", "c"), DefaultString: "b"},
}

// Parse and Text are inverse up to spelling, order and defaults.
func TestRoundTrip(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		" ":                     "",
		"tau=1,n=5,form=b":      "",
		"form=c, tau = 0.50":    "tau=0.5,form=c",
		"n=1e1":                 "n=10",
		"tau=1e300":             "tau=1e+300",
		"n=100,form=a,tau=1e-6": "tau=1e-06,n=100,form=a",
	} {
		v, err := Parse(list, text)
		require.NoError(t, err, text)
		require.Equal(t, want, v.Text(list), text)
		again, err := Parse(list, v.Text(list))
		require.NoError(t, err)
		require.Equal(t, v, again)
	}
	v, err := Parse(list, "n=7")
	require.NoError(t, err)
	require.Equal(t, 7, v.Int("n"))
	require.Equal(t, 1.0, v.Num("tau"))
	require.Equal(t, "b", v.String("form"))
	require.PanicsWithValue(t, `registry: no number "form"`, func() { v.Num("form") })
	require.PanicsWithValue(t, `registry: no string "n"`, func() { v.String("n") })
}

// Whole numbers have all their digits, whatever their size.
func TestWholeNumbers(t *testing.T) {
	ps := []Param{
		{Name: "n", Doc: "draws", Default: 5, Min: 1, Max: 1 << 20, Integer: true},
		{Name: "x", Doc: "a size", Default: 5, Min: 0.5, Max: 1 << 20},
		{Name: "tau", Doc: "temperature", Default: 1, Min: 1e-6, Max: math.Inf(1)},
	}
	require.Equal(t, "1 to 1048576", ps[0].Range())
	require.Equal(t, "0.5 to 1.048576e+06", ps[1].Range())
	require.Equal(t, "1e-06 or more", ps[2].Range())
	v, err := Parse(ps, "n=1048576,x=1048576")
	require.NoError(t, err)
	require.Equal(t, "n=1048576,x=1.048576e+06", v.Text(ps))
	again, err := Parse(ps, v.Text(ps))
	require.NoError(t, err)
	require.Equal(t, v, again)
	_, err = Parse(ps, "n=2e6")
	require.EqualError(t, err, "n=2e6 is outside [1, 1048576]")
	require.ErrorContains(t, Validate([]Param{{Name: "n", Doc: "draws", Default: 0.5, Min: 0, Max: 9, Integer: true}}), "not a whole number")
}

// An error names the offender and lists the choices.
func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"tau":         `"tau" is not name=value`,
		"=3":          `"=3" is not name=value`,
		"tau=":        `"tau=" is not name=value`,
		"tau=1,":      `"" is not name=value`,
		"beta=1":      `no parameter "beta"; the choices are tau, n, form`,
		"n=2,n=3":     `parameter "n" is given twice`,
		"n=2.5":       `n=2.5 is not a whole number`,
		"n=0":         `n=0 is outside [1, 100]`,
		"tau=NaN":     `tau="NaN" is not a number`,
		"tau=warm":    `tau="warm" is not a number`,
		"tau=learned": `tau="learned" is not a number, and tau is not a parameter that can be trained`,
		"form=d":      `form="d" is not one of a, b, c`,
		"tau=-1,n=10": `tau=-1 is outside [1e-06, +Inf]`,
	} {
		_, err := Parse(list, text)
		require.EqualError(t, err, want, text)
	}
	hinted := []Param{
		{Name: "n", Doc: "a number", Default: 2, Min: 1, Max: 3, Hint: func(x float64) string {
			if x == 0 {
				return "n=0 is none"
			}
			return ""
		}},
		{Name: "form", Doc: "a string", DefaultString: "1", Choices: Enum("1", "two"), Hint: func(x float64) string {
			if math.IsNaN(x) {
				return "no number"
			}
			return fmt.Sprint("the number ", x)
		}},
	}
	for text, want := range map[string]string{
		"n=0":      "n=0 is outside [1, 3]: n=0 is none",
		"n=4":      "n=4 is outside [1, 3]",
		"form=7":   `form="7" is not one of 1, two: the number 7`,
		"form=tow": `form="tow" is not one of 1, two (did you mean two?): no number`,
	} {
		_, err := Parse(hinted, text)
		require.EqualError(t, err, want, text)
	}
	_, err := Parse(nil, "x=1")
	require.EqualError(t, err, `no parameter "x"; the choices are none: it takes no parameters`)
}

// AnyString takes any text but one with a comma.
func TestAnyString(t *testing.T) {
	ps := append([]Param{{Name: "file", Doc: "path", AnyString: true}}, list...)
	require.NoError(t, Validate(ps))
	v, err := Parse(ps, "n=7, file=/a b/c:d=e.tsv ")
	require.NoError(t, err)
	require.Equal(t, "/a b/c:d=e.tsv", v.String("file"))
	require.Equal(t, "file=/a b/c:d=e.tsv,n=7", v.Text(ps))
	v, err = Parse(ps, "n=7")
	require.NoError(t, err)
	require.Equal(t, "", v.String("file"))
	require.Equal(t, "n=7", v.Text(ps))
	_, err = Parse(ps, "file=a,b")
	require.EqualError(t, err, `"b" is not name=value`)
	_, err = Parse(ps, "file=")
	require.EqualError(t, err, `"file=" is not name=value`)
	vs, err := Probes(ps[:1])
	require.NoError(t, err)
	require.Len(t, vs, 1)
	for _, p := range []Param{
		{Name: "file", Doc: "path", AnyString: true, DefaultString: "a,b"},
		{Name: "file", Doc: "path", AnyString: true, Choices: Enum("a"), DefaultString: "a"},
	} {
		require.Error(t, Validate([]Param{p}))
	}
}

func TestProbes(t *testing.T) {
	vs, err := Probes(list)
	require.NoError(t, err)
	var texts []string
	for _, v := range vs {
		texts = append(texts, v.Text(list))
	}
	require.Equal(t, []string{"", "tau=0.2", "form=a", "form=c"}, texts)
}

func TestCorners(t *testing.T) {
	vs, err := cornersOf(append(list, Param{Name: "file", Doc: "path", AnyString: true}))
	require.NoError(t, err)
	var texts []string
	for _, v := range vs {
		texts = append(texts, v.Text(list))
	}
	require.Equal(t, []string{ // tau has no largest value
		"tau=1e-06,n=1,form=a", "tau=1e-06,n=1", "tau=1e-06,n=1,form=c", "tau=1e-06,n=100,form=a", "tau=1e-06,n=100", "tau=1e-06,n=100,form=c",
		"n=1,form=a", "n=1", "n=1,form=c", "n=100,form=a", "n=100", "n=100,form=c",
	}, texts)
	vs, err = cornersOf(nil)
	require.NoError(t, err)
	require.Len(t, vs, 1)
}

func TestValidate(t *testing.T) {
	require.NoError(t, Validate(list))
	number := Param{Name: "x", Doc: "d", Default: 1, Min: 0, Max: 2}
	for _, change := range []func(*Param){
		func(p *Param) { p.Name = "" },
		func(p *Param) { p.Name = "a=b" },
		func(p *Param) { p.Doc = "" },
		func(p *Param) { p.Default = 3 },
		func(p *Param) { p.Default = math.NaN() },
		func(p *Param) { p.Probe = []float64{-1} },
		func(p *Param) { p.Integer, p.Default = true, 0.5 },
		func(p *Param) { p.Integer, p.Max = true, math.Inf(1) },
		func(p *Param) { p.Integer, p.Min = true, -1e300 },
		func(p *Param) { p.Choices = Enum("a") },
	} {
		p := number
		change(&p)
		require.Error(t, Validate([]Param{p}), "%+v", p)
	}
	require.EqualError(t, Validate([]Param{number, number}), `duplicate parameter "x"`)
}

// Settings are read without a declaration, and Join writes them so that Parse reads
// the same.
func TestSettings(t *testing.T) {
	all, err := Settings(" n = 1e1,form=c ")
	require.NoError(t, err)
	require.Equal(t, []Setting{{"n", "1e1"}, {"form", "c"}}, all)
	require.True(t, Has(all, "n"))
	require.False(t, Has(all, "1e1"))
	require.Equal(t, "yak:n=1e1,form=c", Join("yak", all))
	require.Equal(t, "yak", Join("yak", nil))
	all, err = Settings(" ")
	require.NoError(t, err)
	require.Empty(t, all)
	for text, want := range map[string]string{"n": `"n" is not name=value`, "n=1, n=2": `parameter "n" is given twice`, "n=1,": `"" is not name=value`} {
		_, err := Settings(text)
		require.EqualError(t, err, want)
	}
	v, err := Parse(list, "n=1e1")
	require.NoError(t, err)
	for i, want := range []string{"1", "10", "b"} {
		require.Equal(t, want, v.Of(list[i]))
	}
	var unknown *UnknownError
	_, err = Parse(list, "N=1")
	require.ErrorAs(t, err, &unknown)
	require.Equal(t, "N", unknown.Name)
}

// TestNumbers: a number is decimal and finite, and a whole one has base ten, whatever
// its zeros in front; everything else is refused, not read as something else.
func TestNumbers(t *testing.T) {
	for text, want := range map[string]float64{"0.2": 0.2, "-1e-3": -1e-3, "+5": 5, "010": 10, ".5": 0.5, "1e300": 1e300} {
		x, err := Real(text)
		require.NoError(t, err, text)
		require.InDelta(t, want, x, 0, text)
	}
	for _, text := range []string{"", " 1", "1 ", "NaN", "nan", "Inf", "-inf", "+Infinity", "0x10", "0X1p4", "0x1p-2", "1_000", "0x1_0p0", "1,5", "many"} {
		_, err := Real(text)
		require.ErrorIs(t, err, ErrNumber, "%q", text)
		_, err = Parse([]Param{{Name: "x", Doc: "d", Min: math.Inf(-1), Max: math.Inf(1)}}, "x="+text)
		if text != "" && text != " 1" && text != "1 " && text != "1,5" { // settings are trimmed, and a comma ends them
			require.EqualError(t, err, fmt.Sprintf("x=%q is not a number", text))
		}
	}
	_, err := Real("1e400")
	require.ErrorIs(t, err, strconv.ErrRange)
	for text, want := range map[string]int64{"0": 0, "010": 10, "-7": -7, "+20": 20, "9223372036854775807": math.MaxInt64} {
		n, err := Whole(text)
		require.NoError(t, err, text)
		require.Equal(t, want, n, text)
	}
	for _, text := range []string{"", " 1", "2.7", "1e3", "0x10", "0b1", "0o7", "1_000", "NaN", "many"} {
		_, err := Whole(text)
		require.ErrorIs(t, err, ErrNumber, "%q", text)
	}
	_, err = Whole("9223372036854775808")
	require.ErrorIs(t, err, strconv.ErrRange)
}

// TestParamWith: a setting that counts only beside another is refused where the other is
// not so, and left out of corners there.
func TestParamWith(t *testing.T) {
	ps := []Param{{Name: "k", Doc: "K", Default: 3, Max: 9, Integer: true}, {Name: "beta", Doc: "β", Max: 1, With: "k=0"}}
	require.NoError(t, Validate(ps))
	v, err := Parse(ps, "beta=0.5,k=0")
	require.NoError(t, err)
	require.Equal(t, 0.5, v.Num("beta"))
	for _, text := range []string{"beta=0.5", "k=2,beta=0"} {
		_, err := Parse(ps, text)
		require.ErrorContains(t, err, "counts only with k=0, and k is ", text)
	}
	corners, err := cornersOf(ps)
	require.NoError(t, err)
	var texts []string
	for _, c := range corners {
		texts = append(texts, c.Text(ps))
	}
	require.Equal(t, []string{"k=0", "k=0,beta=1", "k=9"}, texts)
	require.ErrorContains(t, Validate(ps[1:]), `"beta" counts with k=0, which is no setting beside it`)
}
