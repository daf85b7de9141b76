package arch

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allowed maps each package to the project packages that its non-test code may
// import. It is the architecture: a build that needs a new arrow needs a reason
// for it first.
var allowed = map[string]string{
	"internal/arch":        "",
	"internal/arch/api":    "internal/arch",
	"internal/arch/notice": "",
	"internal/check":       "",
	"internal/formula":     "",
	"internal/fs":          "",
	"internal/kernel":      "",
	"internal/lock":        "",
	"internal/memory":      "",
	"internal/needs":       "",
	"internal/quality":     "internal/needs",
	"internal/words":       "",
	"internal/registry":    "",

	"graph":            "internal/check internal/kernel",
	"losses":           "graph internal/check internal/formula internal/kernel internal/registry",
	"losses/gradcheck": "graph internal/check losses",
	"losses/losstest":  "graph internal/check internal/formula losses losses/gradcheck", // which runs at the ends of parameters

	"data":               "internal/fs internal/registry internal/words",
	"models":             "data graph internal/check internal/kernel internal/registry losses models/sampler models/tree",
	"models/baseline":    "data graph internal/kernel internal/registry models",
	"models/sampler":     "graph internal/kernel internal/registry",
	"models/modeltest":   "data graph internal/check losses models",
	"models/samplertest": "graph internal/check models/sampler",
	"models/tree":        "internal/kernel internal/registry",

	"train":                   "data graph internal/fs internal/kernel internal/lock internal/memory internal/registry losses models models/baseline train/als train/metric train/optim train/weights",
	"train/als":               "internal/kernel",
	"train/metric":            "internal/registry",
	"train/metric/metrictest": "internal/check train/metric",
	"train/optim":             "graph internal/kernel internal/registry",
	"train/tensorboard":       "train train/optim",
	"train/weights":           "graph internal/fs",
}

// The rooms at the end of the flow, by prefix. Nothing outside a room imports
// it, except that programs import the commands.
var (
	command = "cli"              // imports every package but benchmarks; cli/internal are its studies and their pages
	binary  = "cmd/"             // imports cli alone
	bench   = "bench"            // imports every package but commands
	example = "examples/"        // imports public packages alone
	pages   = "docs"             // imports public packages alone: what is for readers, its tests and its generator
	presets = "examples/configs" // data: imports nothing, and commands and benchmarks read it
)

// TestImports holds the table against the code, both ways: an import that the
// table does not allow fails, and so does a row without a package.
func TestImports(t *testing.T) {
	imports := listImports(t)
	for pkg, imps := range imports {
		for _, imp := range imps {
			if why := forbidden(pkg, imp); why != "" {
				t.Errorf("%s may not import %s: %s", pkg, imp, why)
			}
		}
	}
	for pkg := range allowed {
		require.Contains(t, imports, pkg, "the table names a package that does not exist")
	}
	for _, room := range []string{command, binary, bench, example, pages} {
		require.True(t, slices.ContainsFunc(slices.Collect(maps.Keys(imports)), func(p string) bool { return strings.HasPrefix(p, room) }),
			"room %s is empty", room)
	}
}

// listImports returns the project packages that each package's non-test code
// imports; of a package of the table or outside it that it does not import, an
// empty list.
func listImports(t *testing.T) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").CombinedOutput()
	require.NoError(t, err, "%s", out)
	imports := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg := strings.TrimPrefix(fields[0], module)
		imports[pkg] = []string{}
		for _, imp := range fields[1:] {
			if own, isOwn := strings.CutPrefix(imp, module); isOwn {
				imports[pkg] = append(imports[pkg], own)
			}
		}
		if _, known := allowed[pkg]; !known && !inRoom(pkg) {
			t.Errorf("package %s is not in the table", pkg)
		}
	}
	return imports
}

func inRoom(pkg string) bool {
	return slices.ContainsFunc([]string{command, binary, bench, example, pages}, func(room string) bool { return strings.HasPrefix(pkg, room) })
}

// forbidden says why pkg may not import imp, or nothing.
func forbidden(pkg, imp string) string {
	in := func(room string) bool { return strings.HasPrefix(pkg, room) }
	of := func(room string) bool { return strings.HasPrefix(imp, room) }
	switch {
	case pkg == presets:
		return "presets are data"
	case imp == presets && (in(command) || in(bench)):
		return ""
	case of(binary), of(bench) && !in(bench), of(example), of(pages):
		return "it is at the end of the flow"
	case imp == command && !in(binary) && !in(example):
		return "commands are for programs"
	case of(command+"/internal/") && !in(command):
		return "studies are shown by commands alone"
	case in(binary):
		if imp != command {
			return "a program is its commands"
		}
		return ""
	case in(command), in(bench):
		return ""
	case in(example), in(pages):
		if strings.HasPrefix(imp, "internal/") {
			return "examples and pages use the public packages alone"
		}
		return ""
	case !slices.Contains(strings.Fields(allowed[pkg]), imp):
		return "the table does not allow it"
	}
	return ""
}

// TestForbidden holds that the rules can fail.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		pkg, imp string
		ok       bool
	}{
		{"losses", "graph", true},
		{"graph", "losses", false},
		{"data", "graph", false},
		{"train", "cli/internal/study/conditionalrisk", false},
		{"cli", "cli/internal/study/conditionalrisk", true},
		{"cli/internal/study/conditionalrisk", "train", true},
		{"cli/internal/study/conditionalrisk", "cli", false},
		{"cli/internal/study/conditionalrisk", "bench", false},
		{"cmd/fenchel", "cli", true},
		{"cmd/fenchel", "train", false},
		{"train", "cli", false},
		{"examples/quickstart", "train", true},
		{"examples/quickstart", "cli", true},
		{"examples/quickstart", "internal/kernel", false},
		{"bench", "internal/kernel", true},
		{"bench", "cli", false},
		{"cli", "bench", false},
		{"cli", "examples/configs", true},
		{"bench/presets", "examples/configs", true},
		{"train", "examples/configs", false},
		{"examples/quickstart", "examples/configs", false},
		{"examples/configs", "train", false},
		{"docs/theory", "losses", true},
		{"docs/theory", "internal/formula", false},
		{"cli", "docs", false},
		{"unheard-of", "graph", false},
	} {
		require.Equal(t, c.ok, forbidden(c.pkg, c.imp) == "", "%s → %s", c.pkg, c.imp)
	}
}
