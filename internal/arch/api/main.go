// Command api compares what other modules can name of this one with the text that is
// committed, and prints what has changed and whether programs break by it.
//
//	go run ./internal/arch/api          fails where something has changed
//	go run ./internal/arch/api -accept  writes the text
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/arch"
)

func main() {
	accept := flag.Bool("accept", false, "write the text as the packages are now")
	file := flag.String("file", ".ci/api.txt", "`path` of the committed text")
	flag.Parse()
	if err := run(*file, *accept); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string, accept bool) error {
	packages, _, err := arch.Load()
	if err != nil {
		return err
	}
	now := arch.API(packages)
	text, err := os.ReadFile(file)
	if err != nil && !(accept && errors.Is(err, os.ErrNotExist)) {
		return err
	}
	before := slices.Collect(strings.Lines(string(text)))
	for i := range before {
		before[i] = strings.TrimSuffix(before[i], "\n")
	}
	if !slices.IsSorted(before) {
		return fmt.Errorf("%s is not sorted: write it anew with -accept", file)
	}
	added, removed := arch.Changes(before, now)
	for _, l := range removed {
		fmt.Println("-", l)
	}
	for _, l := range added {
		fmt.Println("+", l)
	}
	if accept {
		return os.WriteFile(file, []byte(strings.Join(now, "\n")+"\n"), 0o644)
	}
	switch {
	case len(removed) > 0:
		return fmt.Errorf("%d declarations of the public packages are gone or changed, which breaks programs, and %d are new.\n"+
			"If that is meant, say so in CHANGELOG.md and accept it: go run ./internal/arch/api -accept", len(removed), len(added))
	case len(added) > 0:
		return fmt.Errorf("%d declarations of the public packages are new; no program breaks.\n"+
			"If that is meant, say so in CHANGELOG.md and accept it: go run ./internal/arch/api -accept", len(added))
	}
	fmt.Printf("%d declarations of the public packages, as %s has them\n", len(now), file)
	return nil
}
