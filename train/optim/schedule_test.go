package optim

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

func TestSchedules(t *testing.T) {
	require.NotEmpty(t, Schedules())
	for _, s := range Schedules() {
		for _, c := range registry.NewChoice(s.Name, s, s.Params).Probes() {
			sch, v := Schedule{c}, c.Values
			t.Run(sch.String(), func(t *testing.T) {
				require.True(t, sch.SameFactors(3, 5, 5))
				require.Equal(t, s.Name == "constant" || s.Name == "step", sch.SameFactors(3, 5, 9))
				again, err := ParseSchedule(sch.String())
				require.NoError(t, err)
				require.Equal(t, sch, again)
				warm, last := int(v.Num("warmup")*7), 0.0
				for i := range 10 * 7 {
					f := sch.Factor(i, 7, 10)
					require.True(t, f >= 0 && f <= 1, "step %d: %v", i, f)
					switch {
					case i < warm:
						require.InDelta(t, float64(i+1)/float64(warm), f, 1e-12)
					case i == warm:
						require.InDelta(t, 1, f, 1e-12, "the schedule starts after the warm-up")
					default:
						require.LessOrEqual(t, f, last)
					}
					last = f
				}
			})
		}
	}
	for _, c := range []struct {
		text string
		i    int
		want float64
	}{
		{"constant", 69, 1}, {"linear", 35, 0.5}, {"linear:final=0.2", 35, 0.6}, {"cosine", 35, 0.5}, {"cosine:final=0.5", 35, 0.75},
		{"step:every=3,gamma=0.5", 20, 1}, {"step:every=3,gamma=0.5", 21, 0.5}, {"step:every=3,gamma=0.5", 69, 0.125},
		{"linear:warmup=2", 14 + 28, 0.5}, {"constant:warmup=100", 69, 0.1}, {"cosine:warmup=10", 69, 1},
	} {
		s, err := ParseSchedule(c.text)
		require.NoError(t, err)
		require.InDelta(t, c.want, s.Factor(c.i, 7, 10), 1e-12, "%s step %d", c.text, c.i)
	}
	for text, part := range map[string]string{"cos": "constant, cosine, linear, step", "step:every=0": "outside", "linear:warmup=-1": "outside"} {
		_, err := ParseSchedule(text)
		require.ErrorContains(t, err, part, text)
	}
}
