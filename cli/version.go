package cli

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/internal/kernel"
)

func init() { commands = append(commands, newVersion) }

func newVersion(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say what this program is and what computes here",
		Long: `version says which program this is, on which processor it runs, and which of its
vector kernels compute there: runs on one path have the same bits, and those on another
differ in the last digits. ` + kernel.Variable + ` forces a path; one that is named without +amx
forbids matrix tiles. What each choice of train --precision runs on stands beside it.`,
		Args: arguments(0, 0),
		RunE: func(*cobra.Command, []string) error {
			v := versionHere()
			if asJSON {
				return printJSON(s.out, v)
			}
			v.print(s.out, s.program)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	return cmd
}

// A version is what a program is and what computes where it runs.
type version struct {
	Module     string   `json:"module"`
	Version    string   `json:"version"`
	Go         string   `json:"go"`
	System     string   `json:"system"`
	Processor  string   `json:"processor,omitempty"` // as Linux tells it
	Processors int      `json:"processors"`          // at work at most
	Kernel     string   `json:"kernel"`
	Kernels    []string `json:"kernels"` // that could be forced, the fastest first
	Filter     string   `json:"filter"`  // of scores that need not be known; it changes no result

	Precision map[string]string `json:"precision"` // what each runs on
}

func versionHere() version {
	v := version{Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, Processor: kernel.CPU(), Processors: runtime.GOMAXPROCS(0),
		Kernel: kernel.Path(), Kernels: kernel.Paths(), Filter: kernel.Filter(), Precision: map[string]string{}}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Module, v.Version = info.Main.Path, info.Main.Version
	}
	for _, name := range graph.Precisions() {
		p, err := graph.ParsePrecision(name)
		must(err)
		v.Precision[name] = p.Runs()
	}
	return v
}

func (v version) print(w io.Writer, program string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t%s\n", name, data.EscapeText(fmt.Sprintf(format, args...)))
	}
	line(program, "%s %s, %s, %s", v.Module, v.Version, v.Go, v.System)
	if v.Processor != "" {
		line("processor", "%s; up to %d threads at work", v.Processor, v.Processors)
	}
	line("kernels", "%s", v.Kernel)
	line("filter", "%s", v.Filter)
	line(kernel.Variable, "takes %s", strings.Join(v.Kernels, ", "))
	for _, name := range graph.Precisions() {
		line("precision "+name, "%s", v.Precision[name])
	}
	if why := graph.Untiled(); why != "" {
		line("", "%s", why)
	}
	t.Flush()
}
