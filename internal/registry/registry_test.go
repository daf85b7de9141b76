package registry

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRegistry(t *testing.T) {
	type thing struct{ doc string }
	r := NewRegistry[thing]("zoo", "animal")
	require.Empty(t, r.All())
	r.Add("yak", list, thing{"big"}, nil)
	r.Add("ant-2", nil, thing{"small"}, nil)
	require.Equal(t, []string{"ant-2", "yak"}, r.Names())
	require.Equal(t, []*thing{{"small"}, {"big"}}, r.All())
	got, err := r.Lookup("yak")
	require.NoError(t, err)
	require.Equal(t, "big", got.doc)
	_, err = r.Lookup("gnu")
	require.EqualError(t, err, `zoo: unknown animal "gnu"; the choices are ant-2, yak`)

	require.PanicsWithValue(t, `zoo: duplicate name "yak"`, func() { r.Add("yak", nil, thing{}, nil) })
	require.PanicsWithValue(t, `zoo: malformed name "Yak": want a-z, 0-9 and -`, func() { r.Add("Yak", nil, thing{}, nil) })
	require.PanicsWithValue(t, `zoo: malformed name "": want a-z, 0-9 and -`, func() { r.Add("", nil, thing{}, nil) })
	require.PanicsWithValue(t, `zoo: cow: no Doc`, func() { r.Add("cow", nil, thing{}, errors.New("no Doc")) })
	require.PanicsWithValue(t, `zoo: cow: parameter "x": malformed name or no Doc`, func() { r.Add("cow", []Param{{Name: "x"}}, thing{}, nil) })
}

func TestSpecText(t *testing.T) {
	v, err := Parse(list, "n=7")
	require.NoError(t, err)
	require.Equal(t, "yak:n=7", SpecText("yak", list, v))
	name, settings := CutSpec(" yak : n=7,form=a")
	require.Equal(t, "yak", name)
	v, err = Parse(list, settings)
	require.NoError(t, err)
	require.Equal(t, "yak:n=7,form=a", SpecText(name, list, v))
	name, settings = CutSpec("yak")
	require.Equal(t, "yak", name)
	require.Empty(t, settings)
}

// Settings may call for parameters that the thing was not registered with.
func TestParseMore(t *testing.T) {
	type thing struct{ doc string }
	r := NewRegistry[thing]("zoo", "animal")
	r.Add("yak", list, thing{"big"}, nil)
	calf := Param{Name: "age", Doc: "months", Default: 1, Min: 0, Max: 12}
	more := func(s *thing, own Values) ([]Param, error) {
		require.Equal(t, "big", s.doc)
		switch own.String("form") {
		case "a":
			return []Param{calf}, nil
		case "c":
			return []Param{list[0]}, nil
		}
		return nil, errors.New("no such form yet")
	}
	c, err := r.ParseMore("yak: age=3, form=a,n=7", more)
	require.NoError(t, err)
	require.Equal(t, "big", c.Spec.doc)
	require.Equal(t, "yak:n=7,form=a,age=3", c.String())
	require.Len(t, list, 3, "the declaration stands")
	for text, want := range map[string]string{
		"gnu":               `zoo: unknown animal "gnu"; the choices are yak`,
		"yak:n=0,form=a":    `zoo: yak: n=0 is outside [1, 100]`,
		"yak:form=a,age=13": `zoo: yak: age=13 is outside [0, 12]`,
		"yak:form=a,era=13": `zoo: yak: no parameter "era"; the choices are tau, n, form, age`,
		"yak:form=a,n":      `zoo: yak: "n" is not name=value`,
		"yak:age=3":         `zoo: yak: no such form yet`,
		"yak:form=c":        `zoo: yak: duplicate parameter "tau"`,
	} {
		_, err := r.ParseMore(text, more)
		require.EqualError(t, err, want, text)
	}
	c, err = r.Parse("yak:n=7")
	require.NoError(t, err)
	require.Equal(t, 7, c.Values.Int("n"))
	_, err = r.Parse("yak:age=3")
	require.EqualError(t, err, `zoo: yak: no parameter "age"; the choices are tau, n, form`)
}

func TestWith(t *testing.T) {
	for text, want := range map[string]string{
		"yak":                  "yak:n=7",
		"yak:":                 "yak:n=7",
		"yak:n=3":              "yak:n=7",
		"yak: n = 3 ,form=a":   "yak:n=7,form=a",
		"yak:form=a,tau=1":     "yak:n=7,form=a,tau=1",
		"yak:n=3,form=a,nn=3,": "yak:n=7,form=a,nn=3",
	} {
		require.Equal(t, want, With(text, "n", "7"), text)
	}
}
