package cli

import "io"

// quietFlag is a flag of every command: standard error is for errors alone then, and of train
// standard output for the result.
const quietFlag = "quiet"

// A muted is a writer of progress, bars and notes, which go nowhere while quiet.
type muted struct {
	w     io.Writer
	quiet *bool
}

func (m muted) Write(p []byte) (int, error) {
	if *m.quiet {
		return len(p), nil
	}
	return m.w.Write(p)
}

// mute returns s with a standard error that is silent while the flag is set; the second is the
// flag's value.
func (s streams) mute() (streams, *bool) {
	quiet := new(bool)
	s.err, s.quiet = muted{s.err, quiet}, quiet
	return s, quiet
}

// isQuiet reports whether nothing but results and errors is asked for.
func (s streams) isQuiet() bool { return s.quiet != nil && *s.quiet }
