package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/losses"
	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/models/sampler"
	"github.com/fenchel-ml/fenchel/train/metric"
)

func TestListShowsEveryRegistry(t *testing.T) {
	code, out, stderr := execute(t, "list")
	require.Equal(t, exitOK, code, stderr)
	code, asJSON, stderr := execute(t, "list", "--json")
	require.Equal(t, exitOK, code, stderr)
	var all []struct {
		Kind    string
		Entries []entry
	}
	require.NoError(t, json.Unmarshal([]byte(asJSON), &all))
	require.Len(t, all, len(registries))
	for i, r := range registries {
		require.NotEmpty(t, r.entries(), r.kind)
		require.Equal(t, r.kind, all[i].Kind)
		require.Len(t, all[i].Entries, len(r.entries()))
		require.Contains(t, out, r.kind+" ("+r.use+")\n")
		code, one, stderr := execute(t, "list", r.kind)
		require.Equal(t, exitOK, code, stderr)
		for j, e := range r.entries() {
			require.Equal(t, e.Name, all[i].Entries[j].Name)
			require.Contains(t, out, "\n  "+e.Name+" ")
			require.Contains(t, one, e.Name+": "+e.Doc+"\n")
			for _, p := range e.Params {
				require.Contains(t, one, "\n  "+p.Name+" ")
			}
		}
	}
}

// TestRangesAreReadable: whole numbers have all their digits in every table.
func TestRangesAreReadable(t *testing.T) {
	for _, r := range registries {
		code, out, stderr := execute(t, "list", r.kind)
		require.Equal(t, exitOK, code, stderr)
		require.NotRegexp(t, `\d\.\d+e\+`, out, r.kind)
	}
	_, out, _ := execute(t, "list", "task")
	require.Regexp(t, `len +50 +1 to 1048576 `, out)
	require.Regexp(t, `stride +0 +0 to 1048576 `, out)
}

// TestListReadsTheRegistries holds that what list shows is what is registered.
func TestListReadsTheRegistries(t *testing.T) {
	names := func(kind string) (ns []string) {
		r, err := registryOf(kind)
		require.NoError(t, err)
		for _, e := range r.entries() {
			ns = append(ns, e.Name)
		}
		return ns
	}
	require.Equal(t, losses.Names(), names("loss"))
	require.Equal(t, sampler.Names(), names("sampler"))
	require.Equal(t, metric.Names(), names("metric"))
	require.Len(t, names("candidates"), len(models.Heads()))
	require.Contains(t, names("task"), "pair")
	require.Len(t, names("task"), len(data.Tasks()))
}

func TestListUsage(t *testing.T) {
	code, out, stderr := execute(t, "list", "nosuch")
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, stderr, `unknown kind "nosuch"; the choices are format, split, `)
}
