package cli

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/cli/internal/report"
	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// A formFlag is --table of a command: the form that its tables print in.
type formFlag struct{ form report.Form }

// add adds the flag to a command whose flags are all there but for those of its output.
func (f *formFlag) add(cmd *cobra.Command) {
	f.form = report.TextForm
	cmd.Flags().Var(f, "table", "form of the tables: "+strings.Join(report.Forms(), ", ")+"; csv has every number whole, and with it all other text goes to standard error")
	must(cmd.RegisterFlagCompletionFunc("table", complete(report.Forms)))
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("table") {
			if o := cmd.Flags().Lookup("json"); o != nil && o.Changed {
				return usagef("--table and --json are two forms; give one of them")
			}
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
}

func (f *formFlag) String() string { return string(f.form) }
func (f *formFlag) Type() string   { return "form" }

func (f *formFlag) Set(text string) error {
	if !slices.Contains(report.Forms(), text) {
		return usagef("no such form%s", registry.Offer(text, report.Forms()))
	}
	f.form = report.Form(text)
	return nil
}

// sheet returns what a command prints its results on.
func (f *formFlag) sheet(s streams) *sheet {
	return &sheet{form: f.form, out: s.out, err: s.err, width: s.width}
}

// A sheet is standard output with tables in one form. What is written to it besides is
// prose: between tables of Markdown it is paragraphs, between those of LaTeX comments, and
// where tables are CSV it goes to standard error.
type sheet struct {
	form     report.Form
	out, err io.Writer
	width    int // of the terminal; 0: none

	after bool // something was written, which an empty line divides from what comes
	line  bytes.Buffer
}

// Write implements io.Writer of prose.
func (p *sheet) Write(text []byte) (int, error) {
	if p.form == report.TextForm {
		return p.out.Write(text)
	}
	for line := range bytes.Lines(text) {
		p.line.Write(line)
		if bytes.HasSuffix(line, []byte("\n")) {
			if err := p.endLine(); err != nil {
				return 0, err
			}
		}
	}
	return len(text), nil
}

// endLine writes the line that is whole: a paragraph, a comment, or one for standard error.
func (p *sheet) endLine() (err error) {
	line := strings.TrimSpace(p.line.String())
	p.line.Reset()
	if line == "" {
		return nil
	}
	switch p.form {
	case report.CSVForm:
		_, err = fmt.Fprintln(p.err, line)
	case report.LatexForm:
		_, err = fmt.Fprintf(p.out, "%s%% %s\n", p.divide(), line)
	default:
		_, err = fmt.Fprintf(p.out, "%s%s\n", p.divide(), line)
	}
	return err
}

// divide returns the empty line between what was written and what comes.
func (p *sheet) divide() string {
	if p.after {
		return "\n"
	}
	p.after = true
	return ""
}

// table writes a table, of text each line after indent.
func (p *sheet) table(t report.Table, indent string) {
	if p.form == report.TextForm {
		io.WriteString(p.out, t.Text(indent, p.width))
		return
	}
	text, err := t.Write(p.form)
	must(err) // the rows are as long as the head
	title := ""
	if t.Title != "" {
		switch p.form {
		case report.MarkdownForm:
			title = "**" + t.Title + "**\n\n"
		case report.LatexForm:
			title = "% " + t.Title + "\n"
		}
	}
	io.WriteString(p.out, p.divide()+title+text)
}

// outputFlags say where a study's command puts what it found.
type outputFlags struct {
	formFlag
	asJSON bool
	dir    string
}

func (o *outputFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.asJSON, "json", false, "print JSON: the report's, with the numbers of every figure")
	cmd.Flags().StringVar(&o.dir, "out", "", "folder to write "+report.HTMLFile+" and "+report.JSONFile+" into")
	must(cmd.MarkFlagDirname("out"))
	o.formFlag.add(cmd)
}

// emit prints r, as JSON or by print, and saves it where a folder is asked for.
func (o *outputFlags) emit(s streams, r report.Report, print func(w *sheet)) error {
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
	w := o.sheet(s)
	print(w)
	if o.dir != "" {
		fmt.Fprintf(w, "\nreport %s\n", data.EscapeText(file))
		if filepath.Base(file) != report.HTMLFile {
			fmt.Fprintf(w, "the whole report of an earlier command stays in %s\n", data.EscapeText(filepath.Join(o.dir, report.HTMLFile)))
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
