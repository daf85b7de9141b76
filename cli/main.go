// Package cli is the command fenchel: it trains, evaluates and checks models with very
// many classes. A program of one's own that registers losses, models, samplers, metrics
// or formats has all of the commands over them by calling [Main], under its own name:
//
//	package main
//
//	import (
//		"os"
//
//		"github.com/fenchel-ml/fenchel/cli"
//		_ "example.org/mine" // whose init functions register
//	)
//
//	func main() { os.Exit(cli.Main()) }
//
// Each subcommand is one file of this package and registers itself. Results go
// to standard output; progress and errors go to standard error. The exit status
// is 0 for success, 1 for a run that failed (a check that does not hold
// included), 2 for a command line that is wrong, and 130 for a run that was
// interrupted and ended cleanly with what it had reached.
package cli

import (
	"context"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// Main runs the command line of the process and returns its exit status. Runs that a
// command starts in processes of their own, as compare does, are of the same program, so
// they know what it registers. Help, errors and the scripts of completion call the program
// by the name of its file.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end. From then on signals have their
	// default effect, so that a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	width, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		width = 0 // it is no terminal
	}
	return run(ctx, streams{
		program: strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"),
		in:      os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())), width: width,
	}, os.Args[1:])
}
