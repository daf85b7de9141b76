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
