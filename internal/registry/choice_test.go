package registry

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A choice is printed and read again, has its values by name, and goes through the
// settings that tests run.
func TestChoice(t *testing.T) {
	type thing struct{ doc string }
	r := NewRegistry[thing]("zoo", "animal")
	r.Add("yak", list, thing{"big"}, nil)
	spec, err := r.Lookup("yak")
	require.NoError(t, err)

	c, err := r.Parse("yak: form=a, tau=1")
	require.NoError(t, err)
	require.Same(t, spec, c.Spec)
	require.Equal(t, "yak:form=a", c.String())
	again, err := r.Parse(c.String())
	require.NoError(t, err)
	require.Equal(t, c, again)
	require.Equal(t, "a", c.Value("form"))
	require.Equal(t, "5", c.Value("n"), "the default is a value")
	require.Empty(t, c.Value("m"))
	require.Empty(t, Choice[thing]{}.String())

	def := NewChoice("yak", spec, list)
	require.Equal(t, "yak", def.String())
	require.Equal(t, c, def.At(c.Values))
	var probes, corners []string
	for _, p := range c.Probes() { // of all settings, whatever c is at
		probes = append(probes, p.String())
	}
	require.Equal(t, []string{"yak", "yak:tau=0.2", "yak:form=a", "yak:form=c"}, probes)
	for _, p := range c.Corners() {
		corners = append(corners, p.String())
	}
	require.Len(t, corners, 2*2*3)
	require.Contains(t, corners, "yak:tau=1e-06,n=100,form=c")
	require.PanicsWithValue(t, "registry: yak: n=0 is outside [1, 100]", func() {
		NewChoice("yak", spec, []Param{{Name: "n", Default: 5, Min: 1, Max: 100, Probe: []float64{0}}}).Probes()
	})
}
