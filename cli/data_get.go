package cli

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
)

func init() { dataCommands = append(dataCommands, newGet) }

func newGet(s streams) *cobra.Command {
	return &cobra.Command{
		Use:   "get NAME [DIR]",
		Short: "Download a public data set from its publisher",
		Long: `get downloads a public data set from its publisher's site, holds it against the
checksum published beside it, and unpacks it to the new folder DIR, by default NAME.
It prints the terms of the set, whose full text is among the files. The folder
appears whole or not at all; one that exists is an error.

Sets:
` + setDocs(),
		Args: arguments(1, 2),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return completeSpecs("set")(cmd, args, toComplete)
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := data.LookupPublic(args[0])
			if err != nil {
				return usageError{err}
			}
			dir := set.Name
			if len(args) > 1 {
				dir = args[1]
			}
			return runGet(cmd.Context(), s, set, dir)
		},
	}
}

func setDocs() string {
	var text strings.Builder
	for _, p := range data.PublicSets() {
		text.WriteString(fmt.Sprintf("  %s\n      %s\n", p.Name, p.Doc))
	}
	return text.String()
}

func runGet(ctx context.Context, s streams, set *data.Public, dir string) error {
	fmt.Fprintf(s.out, "set      %s\nhome     %s\nterms    %s\n", set.Doc, set.Home, set.Licence)
	start := time.Now()
	var bytes int64
	var bar *progressbar.ProgressBar
	progress := func(done, total int64) {
		bytes = done
		if !s.terminal {
			return
		}
		if bar == nil { // the total is known with the first bytes; −1 draws a spinner
			bar = progressbar.NewOptions64(total,
				progressbar.OptionSetWriter(s.err), progressbar.OptionSetWidth(24), progressbar.OptionThrottle(barEvery),
				progressbar.OptionShowBytes(true), progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish())
			bar.RenderBlank()
		}
		bar.Set64(done) // what the bar cannot draw is lost, not the download
	}
	err := set.Get(ctx, http.DefaultClient, dir, progress)
	if bar != nil {
		bar.Clear()
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "archive  %s in %.1f s; its MD5 is the published one\nfolder   %s\n\ntrain on it with: %s train --data %s\n",
		byteText(bytes), time.Since(start).Seconds(), data.EscapeText(dir), s.program, data.EscapeText(dir))
	return nil
}

// byteText prints a number of bytes to three digits in binary units.
func byteText(n int64) string {
	x := float64(n)
	for _, unit := range []string{"B", "KiB", "MiB", "GiB"} {
		if x < 1000 {
			return fmt.Sprintf("%.3g %s", x, unit)
		}
		x /= 1024
	}
	return fmt.Sprintf("%.3g TiB", x)
}
