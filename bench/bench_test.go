package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/graph"
)

// TestMain makes the test's program a contestant where it is started as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveFlag {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func measureRow(t *testing.T, s settings, r *row) *measured {
	t.Helper()
	s.scratch, s.threads = t.TempDir(), 1
	m, err := r.measure(t.Context(), s)
	require.NoError(t, err)
	return m
}

func tinyRow(contestants ...contestant) *row {
	return &row{
		name: "tiny", doc: "a tiny row", prepare: linearInputs(5, 70, 8, 1, 0.3), tolerance: 1e-5,
		contestants: append([]contestant{{name: "fenchel", work: "linear"}}, contestants...),
		targets: []target{
			{what: "speed", unit: "×", limit: 1e-9, aim: 1e-8, got: func(m *measured) float64 { return quotient(m.of("again"), m.of("fenchel")) }},
		},
	}
}

// TestRun: contestants that do the same work agree, and what they did is
// reported.
func TestRun(t *testing.T) {
	m := measureRow(t, settings{rounds: 3}, tinyRow(
		contestant{name: "again", work: "linear", env: []string{"FENCHEL_KERNEL=go"}, rounds: 2},
		contestant{name: "other", work: "linear", loss: "sparsemax", other: true},
		contestant{name: "stock", work: "gorgonia"},
		contestant{name: "rounded", work: "linear", precision: "medium", other: true},
	))
	for i, runs := range []int{3, 2, 3, 3, 3} {
		r := m.results[i]
		require.Empty(t, r.failed+r.absent, r.name)
		require.Len(t, r.seconds, runs, r.name)
		require.Greater(t, r.min(), 0.0)
		require.LessOrEqual(t, r.min(), r.median())
	}
	require.NotEqual(t, m.results[0].values[0], m.results[2].values[0])
	require.Contains(t, m.results[4].version, "kernel "+graph.Medium.Runs())
	require.Equal(t, graph.Medium.Rounded(), m.results[0].values[0] != m.results[4].values[0])
	rep := &report{rows: []*measured{m}}
	require.True(t, rep.ok())
	require.Contains(t, rep.markdown(), "| tiny | speed |")
	require.Contains(t, rep.markdown(), "| met |")
}

// TestTargetsOfARun: a target that is missed is a failure unless the flags say otherwise, and
// one that needs a contestant which they leave out is none.
func TestTargetsOfARun(t *testing.T) {
	again := contestant{name: "again", work: "linear"}
	slow := tinyRow(again)
	slow.targets[0].limit = 1e9
	missed := &report{rows: []*measured{measureRow(t, settings{rounds: 1}, slow)}}
	require.False(t, missed.ok())
	missed.missedOK = true
	require.True(t, missed.ok())
	require.Contains(t, missed.markdown(), "**missed**")

	m := measureRow(t, settings{rounds: 1, names: []string{"other"}}, tinyRow(again, contestant{name: "other", work: "linear"}))
	rep := &report{rows: []*measured{m}}
	require.True(t, rep.ok())
	require.NotContains(t, rep.markdown(), "| again |")
	require.Contains(t, rep.markdown(), "not measured")
	require.Len(t, m.results, 2)
	require.Equal(t, "other", m.results[1].name)
	require.True(t, m.results[1].ran())
}

// TestOthersAreHeldAgainstTheirOwn: in a row of several works each contestant is compared with
// the one that it names.
func TestOthersAreHeldAgainstTheirOwn(t *testing.T) {
	own := contestant{name: "own", work: "linear", loss: "sparsemax", as: "own"}
	like, unlike := own, contestant{name: "unlike", work: "linear", as: "own"}
	like.name = "like"
	r := tinyRow(own, like, unlike)
	r.own = "their own"
	m := measureRow(t, settings{rounds: 1}, r)
	for i, failed := range []bool{false, false, false, true} {
		require.Equal(t, failed, m.results[i].failed != "", m.results[i].name)
	}
	require.Equal(t, "own", m.base(m.results[2]).name)
	require.Contains(t, (&report{rows: []*measured{m}}).markdown(), "| min : their own |")
}

// TestElementwise runs every function of its row on a few numbers.
func TestElementwise(t *testing.T) {
	dir := t.TempDir()
	j := job{Dir: dir, B: 3, D: elementwiseWidth}
	for name, period := range map[string]int{"x": 7, "up": 5} {
		require.NoError(t, writeFloats(dir, name, j.B*j.D, func(i int) float32 { return float32(i%period) - 1.5 }))
	}
	seen := map[float64]bool{}
	for _, w := range eachWorks {
		j.Variant = w.name
		run, err := elementwise(j)
		require.NoError(t, err)
		_, value, err := run()
		require.NoError(t, err)
		require.False(t, math.IsNaN(value) || value == 0 || seen[value], "%s: %v", w.name, value)
		seen[value] = true
	}
	j.Variant = "sine"
	_, err := elementwise(j)
	require.ErrorContains(t, err, "sine")
}

// TestFaults: what is missing, differs or breaks is told, and no run with it is
// ok.
func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		contestant
		text string
	}{
		"missing":      {contestant{name: "again", peer: "torch", work: "softmax"}, "missing: exec: \"no-such-interpreter\""},
		"other work":   {contestant{name: "again", work: "linear", loss: "sparsemax"}, "not the same work"},
		"unknown work": {contestant{name: "again", work: "nothing"}, "unknown work"},
		"bad word":     {contestant{name: "again", work: "linear", precision: "low"}, "the choices are highest, high, medium"},
		"bad path":     {contestant{name: "again", work: "linear", env: []string{"FENCHEL_KERNEL=mmx"}}, "mmx"},
	} {
		t.Run(name, func(t *testing.T) {
			m := measureRow(t, settings{rounds: 1, python: "no-such-interpreter"}, tinyRow(c.contestant))
			rep := &report{rows: []*measured{m}}
			require.False(t, rep.ok())
			require.Contains(t, rep.markdown(), c.text)
			require.Contains(t, rep.markdown(), "not measured")
		})
	}
	if !graph.Medium.Rounded() {
		absent := measureRow(t, settings{rounds: 1}, &row{name: "rounded", prepare: onTiles(linearInputs(5, 70, 8, 1, 0.3))})
		require.Contains(t, absent.absent, graph.Untiled())
		require.True(t, (&report{rows: []*measured{absent}}).ok(), "no other processor is asked for")
		require.Contains(t, (&report{rows: []*measured{absent}}).markdown(), "Not run: not available here: "+graph.Untiled())
	}
	absent := measureRow(t, settings{rounds: 1}, &row{name: "data", prepare: epochInputs})
	require.Contains(t, absent.absent, "-data")
	require.False(t, (&report{rows: []*measured{absent}}).ok())
}

func TestTarget(t *testing.T) {
	least, most := target{limit: 2}, target{limit: 2, atMost: true}
	for _, c := range []struct {
		got         float64
		least, most bool
	}{{1, false, true}, {2, true, true}, {3, true, false}, {math.NaN(), false, false}} {
		require.Equal(t, c.least, least.met(c.got), "%v", c.got)
		require.Equal(t, c.most, most.met(c.got), "%v", c.got)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose("")
	require.NoError(t, err)
	require.Len(t, all, len(rows))
	names := map[string]bool{}
	for _, r := range rows {
		require.False(t, names[r.name] || r.name == "" || r.doc == "", r.name)
		require.NotEmpty(t, r.contestants, r.name)
		require.NotEmpty(t, r.targets, r.name)
		names[r.name] = true
		for _, c := range r.contestants {
			require.NotContains(t, c.name, ",", "-contestants could not name it")
			if c.peer == "" {
				require.Contains(t, works, c.work, "%s: %s", r.name, c.name)
			}
		}
	}
	some, err := choose("epoch, als")
	require.NoError(t, err)
	require.Len(t, some, 2)
	_, err = choose("epoch,none")
	require.ErrorContains(t, err, `unknown row "none"`)
	_, err = chooseContestants("torch tuned,none", rows)
	require.ErrorContains(t, err, `unknown contestant "none"`)
}

// TestPeers: every peer that a row names has a script, and the script the work.
func TestPeers(t *testing.T) {
	for _, r := range rows {
		for _, c := range r.contestants {
			if c.peer == "" {
				continue
			}
			script, err := peers.ReadFile("peers/" + c.peer + ".py")
			require.NoError(t, err)
			_, list, ok := strings.Cut(string(script), "\nworks = {")
			require.True(t, ok, c.peer)
			require.Contains(t, list, fmt.Sprintf("%q: ", c.work))
		}
	}
}

// TestEpochIsThePeers: what the row epoch trains is what its peers train: scores are cosines
// over 0.2, whatever temperature is natural to the set, and users weigh the same.
func TestEpochIsThePeers(t *testing.T) {
	c := epochConfig()
	require.Equal(t, "cosine over 0.2 by user", c.Model.Score+" over "+c.Model.Temperature+" by "+c.Train.Weight)
	peer, err := peers.ReadFile("peers/torch.py")
	require.NoError(t, err)
	require.Contains(t, string(peer), "F.normalize(F.embedding(ids, u), dim=1) / 0.2")
}
