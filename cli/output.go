package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
)

// outputFlags say where a study's command puts what it found.
type outputFlags struct {
	asJSON bool
	dir    string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON: the report's")
	cmd.Flags().StringVar(&o.dir, "out", "", "folder to write "+report.HTMLFile+" and "+report.JSONFile+" into")
	must(cmd.MarkFlagDirname("out"))
}

// emit prints r, as JSON or by print, and saves it where a folder is asked for.
func (o outputFlags) emit(s streams, r report.Report, print func(w io.Writer)) error {
	r.Facts = append(r.Facts, machine())
	if r.Interrupted != "" {
		r.Facts = append(r.Facts, report.Fact{Name: "interrupted", Value: r.Interrupted})
	}
	file, _ := r.Files(o.dir) // before it is written, which may change what is there
	if o.dir != "" {
		if err := r.Save(o.dir); err != nil {
			return err
		}
	}
	if o.asJSON {
		return printJSON(s.out, r)
	}
	print(s.out)
	if o.dir != "" {
		fmt.Fprintf(s.out, "\nreport %s\n", data.EscapeText(file))
		if filepath.Base(file) != report.HTMLFile {
			fmt.Fprintf(s.out, "the whole report of an earlier command stays in %s\n", data.EscapeText(filepath.Join(o.dir, report.HTMLFile)))
		}
	}
	return nil
}

func machine() report.Fact {
	return report.Fact{Name: "machine", Value: fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), runtime.Version())}
}

// printInterrupted prints what an interrupted report lacks, nothing of a whole one.
func printInterrupted(w io.Writer, what string) {
	if what != "" {
		fmt.Fprintf(w, "\nInterrupted: %s.\n", data.EscapeText(what))
	}
}
