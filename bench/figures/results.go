package main

import (
	"fmt"
	"strings"
)

// resultsName is the document that is made of the records of bench.
const resultsName = "bench/RESULTS.md"

// benchHeading begins what bench prints.
const benchHeading = "# Fenchel beside its peers\n"

// results returns the document of the records of bench, "" where there are none.
func (b *book) results() string {
	var text strings.Builder
	for _, r := range b.manifest.Runs {
		have := b.records[r.Name]
		if have == nil {
			continue
		}
		body, found := strings.CutPrefix(have.text, benchHeading)
		if !found {
			continue
		}
		if text.Len() == 0 {
			text.WriteString("# Results\n\n" +
				"What `go run ./bench` printed, run by run, misses of targets included; `go run ./bench/figures write` makes\n" +
				"this file of the records of [figures](figures). [README.md](README.md) says how it is measured.\n")
		}
		fmt.Fprintf(&text, "\n## %s: %s\n\n```sh\n%s\n```\n\nMade %s.\n", r.Name, r.About, have.command, have.made)
		for line := range strings.Lines(strings.TrimRight(body, "\n") + "\n") {
			if headingLevel(line) > 0 {
				line = "#" + line
			}
			text.WriteString(line)
		}
	}
	return text.String()
}
