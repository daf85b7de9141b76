package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
	"github.com/fenchel-ml/fenchel/internal/words"
)

func init() { dataCommands = append(dataCommands, newConvert) }

func newConvert(s streams) *cobra.Command {
	var from, format string
	var layout layoutFlags
	var compress bool
	cmd := &cobra.Command{
		Use:   "convert SRC DST --format NAME",
		Short: "Write a data set in another format",
		Long: `convert reads SRC, a file or a directory or a generated set, and writes all of it to
DST in another format: to a directory of train, valid and test files where SRC
comes with splits, else to one file. DST appears whole or not at all; one that
exists is an error. What was written is read back, and what the format does not
keep is said.

Formats that can be written:
` + writableDocs(),
		Args:              arguments(2, 2),
		ValidArgsFunction: completeSourceThenPath,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runConvert(cmd.Context(), s, args[0], args[1], from, format, layout, compress)
		},
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", "", "format to write (required)")
	f.StringVar(&from, "from", "", "format of SRC; default: recognised by content")
	layout.add(cmd)
	f.BoolVar(&compress, "gzip", false, "compress the files; one file is compressed too where DST ends in .gz")
	must(cmd.RegisterFlagCompletionFunc("format", complete(writable)))
	must(cmd.RegisterFlagCompletionFunc("from", completeSpecs("format")))
	return cmd
}

// writable returns the names of the formats that can be written.
func writable() (names []string) {
	for _, f := range data.Formats() {
		if f.Write != nil {
			names = append(names, f.Name)
		}
	}
	return names
}

func writableDocs() string {
	var b strings.Builder
	for _, f := range data.Formats() {
		if f.Write != nil {
			fmt.Fprintf(&b, "  %s\n      %s\n", f.Name, f.Doc)
		}
	}
	return b.String()
}

// completeSourceThenPath completes a data set, then a path.
func completeSourceThenPath(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completeSource(cmd, args, toComplete)
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// wantWritable returns a usage error unless flag names a format that can be
// written.
func wantWritable(flag, format string) error {
	if slices.Contains(writable(), format) {
		return nil
	}
	if format == "" {
		return usagef("%s: name the format to write; the choices are %s", flag, strings.Join(writable(), ", "))
	}
	return usagef("%s: %q cannot be written%s", flag, format, registry.Offer(format, writable()))
}

func runConvert(ctx context.Context, s streams, src, dst, from, format string, layout layoutFlags, compress bool) error {
	if err := wantWritable("--format", format); err != nil {
		return err
	}
	if err := absent(dst); err != nil {
		return err
	}
	c := data.Config{Source: src, Format: from}
	if err := layout.check(&c); err != nil {
		return err
	}
	p, err := c.Plan()
	if err != nil {
		return err
	}
	d, err := p.Open()
	if err != nil {
		return flagOf(err)
	}
	if err := ctx.Err(); err != nil { // reading takes most of the time
		return err
	}
	if d.Given {
		err = data.SaveDir(dst, format, compress, d)
	} else {
		if compress && !strings.HasSuffix(dst, ".gz") {
			return usagef("--gzip: a compressed file ends in .gz, %s does not", dst)
		}
		err = data.SaveFile(dst, format, d)
	}
	if err != nil {
		return err
	}
	return reportWritten(s, d, dst, format)
}

// absent returns an error if dst exists: a data set is too easily lost.
func absent(dst string) error {
	if _, err := os.Lstat(dst); err == nil {
		return fmt.Errorf("%s exists; remove it or name another", dst)
	}
	return nil
}

// reportWritten reads back what was written of d, holds it against d, and says
// what is there and what is not.
func reportWritten(s streams, d *data.Dataset, dst, format string) error {
	back, err := data.Open(dst, format)
	if err != nil {
		return fmt.Errorf("what was written cannot be read: %w", err)
	}
	pairs, has := count(d)
	again, keeps := count(back)
	if pairs != again {
		return fmt.Errorf("%s holds %d interactions of %d: format %s cannot hold this set", dst, again, pairs, format)
	}
	var lost []string
	for i, what := range []string{"ids", "values", "times", "features"} {
		if has[i] && !keeps[i] {
			lost = append(lost, what)
		}
	}
	fmt.Fprintf(s.out, "%s: %s, %s; train %d, valid %d, test %d interactions\n",
		data.EscapeText(dst), words.Count(back.Users, "user"), words.Count(back.Items, "item"), back.Train.Len(), back.Valid.Len(), back.Test.Len())
	var features []string
	for _, f := range slices.Concat(d.UserFields, d.ItemFields) {
		features = append(features, f.Name)
	}
	for _, note := range d.Notes {
		fmt.Fprintf(s.out, "note: %s\n", data.EscapeText(note))
	}
	if len(lost) > 0 {
		fmt.Fprintf(s.out, "note: %s does not keep %s\n", format, strings.Join(lost, " and "))
	}
	if back.Places && !d.Places && d.Histories != nil {
		fmt.Fprintf(s.out, "note: %s keeps the order of times and not the times\n", format)
	}
	if len(features) > 0 && d.Points == nil { // a format keeps those of points, or has been said not to
		fmt.Fprintf(s.out, "note: features are not written (%s): name their files by --user-features and --item-features where what was written is used\n", data.EscapeText(strings.Join(features, ", ")))
	}
	if d.Histories != nil && back.Histories != nil {
		if n := d.Histories.Len() - back.Histories.Len(); n > 0 {
			fmt.Fprintf(s.out, "note: %s does not keep what happened again: %d of %d events\n", format, n, d.Histories.Len())
		}
	}
	// A format without ids may number otherwise, and users without interactions may
	// be gone: the same pairs, but runs on the two do not compare.
	if here, there := d.Hash(), back.Hash(); d.Given == back.Given && here != there {
		fmt.Fprintf(s.out, "note: the hash was %.12s and of what was written is %.12s\n", here, there)
	}
	return nil
}

// count returns the interactions of d, and whether they have ids, values, times and
// features of points.
func count(d *data.Dataset) (pairs int, has [4]bool) {
	has[3] = d.Points != nil
	has[0] = d.UserIDs != nil || d.ItemIDs != nil
	for _, part := range d.Parts() {
		pairs += part.Len()
		has[1] = has[1] || part.Value() != nil
		has[2] = has[2] || part.Time() != nil
	}
	return pairs, has
}
