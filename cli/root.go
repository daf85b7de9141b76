package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/kernel"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Exit statuses; see the package comment.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// streams are all that a command knows of the world outside its arguments and
// the file system.
type streams struct {
	in       io.Reader
	out      io.Writer // results
	err      io.Writer // progress and errors
	terminal bool      // err is a terminal: progress may be redrawn
	width    int       // columns of the terminal that out is; 0: it is none
	program  string    // what help and errors call the command
}

// commands are the registered subcommands; each file's init appends its own.
var commands []func(streams) *cobra.Command

// run executes one command line and returns the exit status.
func run(ctx context.Context, s streams, args []string) int {
	out := &stickyWriter{w: s.out}
	s.out = out
	root := newRoot(s)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil && out.err != nil {
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage):
		fmt.Fprintf(s.err, "%s: %s\nRun '%s --help' for usage.\n", s.program, data.EscapeText(err.Error()), cmd.CommandPath())
		return exitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(s.err, s.program+": interrupted")
		return exitInterrupted
	default:
		fmt.Fprintf(s.err, "%s: %s\n", s.program, data.EscapeText(err.Error()))
		return exitFailed
	}
}

// A usageError is a command line that cannot be right whatever the state of the
// machine: an unknown flag or name, a malformed value.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func newRoot(s streams) *cobra.Command {
	root := group(s.program, "Learning with very many classes")
	root.Long = fmt.Sprintf(`Fenchel trains and evaluates models with very many classes (items, labels, words)
under every loss of the softmax family, chosen by name.

  %[1]s train                      train on the generated set "demo"
  %[1]s losses                     the losses
  %[1]s check                      check gradients: symbolic, analytic and numerical`, s.program)
	root.Version = versionHere().Version
	root.SetVersionTemplate(s.program + " {{.Version}}\n")
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.SetFlagErrorFunc(flagError)
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return kernel.Err() }
	for _, newCommand := range commands {
		root.AddCommand(newCommand(s))
	}
	return root
}

// group returns a command that only holds others: alone it prints its help, and
// an unknown name is an error that lists the choices.
func group(name, short string) *cobra.Command {
	return &cobra.Command{
		Use:   name,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			var names []string
			for _, sub := range cmd.Commands() {
				if sub.IsAvailableCommand() {
					names = append(names, sub.Name())
				}
			}
			return usagef("unknown command %q for %q%s", args[0], cmd.CommandPath(), registry.Offer(args[0], names))
		},
	}
}

// arguments returns a check of the number of positional arguments, which names
// them as the usage line does.
func arguments(low, high int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < low:
			return usagef("%s needs an argument: %s", commandOf(cmd), cmd.UseLine())
		case len(args) > high:
			return usagef("%s", unexpected(cmd, args[high]))
		}
		return nil
	}
}

// commandOf is the path of a command, as errors name it, which begin with the program.
func commandOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// unexpected says that an argument is one too many, and of which flag it would be the value
// if that took one without an equals sign.
func unexpected(cmd *cobra.Command, arg string) string {
	text := fmt.Sprintf("%s: unexpected argument %q", commandOf(cmd), arg)
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.NoOptDefVal != "" && f.Value.String() == f.NoOptDefVal {
			text += fmt.Sprintf("; a value of --%[1]s is written --%[1]s=%[2]s", f.Name, arg)
		}
	})
	return text
}

// complete returns a completion of one flag or argument from a list of names.
func complete(names func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		var match []string
		for _, n := range names() {
			if strings.HasPrefix(n, toComplete) {
				match = append(match, n)
			}
		}
		return match, cobra.ShellCompDirectiveNoFileComp
	}
}

// A stickyWriter remembers the first error, so that commands print without
// looking and a full disk still fails the run.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
