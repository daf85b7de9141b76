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
