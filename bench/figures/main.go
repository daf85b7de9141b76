// Command figures makes the figures of the documents, and holds the documents to them.
//
//	go run ./bench/figures check   [flags]          what the package's test checks
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	f := flag.NewFlagSet("figures", flag.ContinueOnError)
	dir := f.String("dir", ".", "root of the documents")
	manifestFile := f.String("manifest", "", "manifest")
	records := f.String("records", "", "folder of the records")
	if len(os.Args) < 2 || f.Parse(os.Args[2:]) != nil {
		os.Exit(2)
	}
	if *manifestFile == "" {
		*manifestFile = filepath.Join(*dir, manifestName)
	}
	if *records == "" {
		*records = filepath.Join(*dir, recordsName)
	}
	b, err := readBook(*manifestFile, *records)
	if err == nil {
		var l *library
		if l, err = readLibrary(*dir, b); err == nil {
			faults := l.check()
			for _, x := range faults {
				fmt.Println(x)
			}
			fmt.Printf("%d figures, %d faults\n", len(l.figures), len(faults))
			if len(faults) > 0 {
				os.Exit(1)
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(2)
}
