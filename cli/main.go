// Package cli is the command fenchel: it trains, evaluates and checks models with very
// many classes. A program of one's own that registers losses, models, samplers or
// formats has all of its commands over them by calling [Main].
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
	"syscall"

	"golang.org/x/term"
)

// Main runs the command line of the process and returns its exit status.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a clean end. From then on signals have their
	// default effect, so that a second one ends the program at once.
	context.AfterFunc(ctx, stop)
	return run(ctx, streams{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		terminal: term.IsTerminal(int(os.Stderr.Fd())),
	}, os.Args[1:])
}
