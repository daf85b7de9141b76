package param

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
	require.PanicsWithValue(t, `zoo: malformed name "Yak"`, func() { r.Add("Yak", nil, thing{}, nil) })
	require.PanicsWithValue(t, `zoo: malformed name ""`, func() { r.Add("", nil, thing{}, nil) })
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
