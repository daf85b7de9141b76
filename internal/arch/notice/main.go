// Command notice compares NOTICE with the modules that are linked into cmd/fenchel on
// Linux, macOS and Windows: each has a line with its version and the name of its licence,
// and the copyright lines of the licence's text.
//
//	go run ./internal/arch/notice          fails where NOTICE is not what it would write
//	go run ./internal/arch/notice -accept  writes it
//
// A module without a licence, or with one whose name the command does not know, is an error.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	file = "NOTICE"
	head = `Fenchel

This file names the modules of others that are linked into the program fenchel, the licence
of each and who has its copyright. The texts of the licences, and of what the
modules themselves include of others, are in the modules, as "go mod download" gets them: whoever
distributes a binary adds them. It is written by: go run ./internal/arch/notice -accept
`
)

func main() {
	accept := flag.Bool("accept", false, "write NOTICE")
	flag.Parse()
	if err := run(*accept); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(accept bool) error {
	modules, err := linked([]string{"linux", "darwin", "windows"})
	if err != nil {
		return err
	}
	text, err := notice(modules)
	if err != nil {
		return err
	}
	if accept {
		return os.WriteFile(file, []byte(text), 0o644)
	}
	now, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	added, removed := differences(string(now), text)
	if len(added)+len(removed) > 0 {
		for _, l := range removed {
			fmt.Println("-", l)
		}
		for _, l := range added {
			fmt.Println("+", l)
		}
		return errors.New("NOTICE is not that of the modules linked: read what has changed, then go run ./internal/arch/notice -accept")
	}
	fmt.Printf("NOTICE names the %d modules that are linked\n", len(modules))
	return nil
}

// module is a dependency: path, version and the folder of its files.
type module struct{ path, version, dir string }

// linked returns the modules of the packages of cmd/fenchel, in the order of their paths.
func linked(systems []string) ([]module, error) {
	all := map[string]module{}
	for _, system := range systems {
		cmd := exec.Command("go", "list", "-deps", "-f", `{{with .Module}}{{if not .Main}}{{.Path}}{{"\t"}}{{.Version}}{{"\t"}}{{.Dir}}{{end}}{{end}}`, "./cmd/fenchel")
		cmd.Env = append(os.Environ(), "GOOS="+system, "GOARCH=amd64", "CGO_ENABLED=0")
		var complaints bytes.Buffer
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w\n%s", system, err, complaints.String())
		}
		for line := range strings.Lines(string(out)) {
			if p := strings.Split(strings.TrimSpace(line), "\t"); len(p) == 3 {
				all[p[0]] = module{p[0], p[1], p[2]}
			}
		}
	}
	var modules []module
	for _, path := range slices.Sorted(maps.Keys(all)) {
		modules = append(modules, all[path])
	}
	return modules, nil
}

func notice(modules []module) (string, error) {
	var b strings.Builder
	b.WriteString(head)
	for _, m := range modules {
		names, holders, err := licence(m.dir)
		if err != nil {
			return "", fmt.Errorf("%s %s: %w", m.path, m.version, err)
		}
		fmt.Fprintf(&b, "\n%s %s: %s\n", m.path, m.version, strings.Join(names, " and "))
		for _, h := range holders {
			fmt.Fprintf(&b, "    %s\n", h)
		}
	}
	return b.String(), nil
}

var (
	licenceFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying)([.-].*)?$`)
	copyright   = regexp.MustCompile(`(?i)^\W*((digitized data )?copyright (\(c\)|©|\d{4}|the ).*|(\(c\)|©) ?\d{4}.*)$`)
	blanks      = regexp.MustCompile(`\s+`)
)

// kinds are words of the licences, by which they are known. One text can have several.
var kinds = []struct{ name, words string }{
	{"CC-BY-4.0", "Creative Commons Attribution 4.0 International Public License"},
	{"Apache-2.0", "Apache License Version 2.0"},
	{"OFL-1.1", "SIL OPEN FONT LICENSE Version 1.1"},
	{"FTL", "your choice of exactly one of the following two licenses: * The FreeType License"},
	{"BSD-3-Clause", "Neither the name of"},
	{"BSD-3-Clause", "The names of its contributors may not"},
	{"BSD-3-Clause", "may not be used to endorse or promote products derived from this software without"},
	{"BSD-2-Clause", "Redistribution and use in source and binary forms, with or without modification, are permitted provided that the following conditions are met"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
}

// licence returns the names of the licences in a module's folder, and the lines of their
// texts that say whose the copyright is.
func licence(dir string) (names, holders []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	found := false
	for _, e := range entries {
		if e.IsDir() || !licenceFile.MatchString(e.Name()) || e.Name() == "LICENSE-link.txt" {
			continue
		}
		found = true
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, nil, err
		}
		known := kindsOf(string(text))
		if len(known) == 0 {
			return nil, nil, fmt.Errorf("%s is of no known kind", e.Name())
		}
		for _, name := range known {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
		for line := range strings.Lines(string(text)) {
			line = blanks.ReplaceAllString(strings.TrimSpace(line), " ")
			if copyright.MatchString(line) && !strings.Contains(line, "[yyyy]") && !slices.Contains(holders, line) {
				holders = append(holders, line)
			}
		}
	}
	if !found {
		return nil, nil, errors.New("there is no licence")
	}
	return names, holders, nil
}

// kindsOf returns the names of the licences whose texts are in the given one.
func kindsOf(text string) (names []string) {
	text = strings.ToLower(blanks.ReplaceAllString(text, " "))
	for _, k := range kinds {
		if !strings.Contains(text, strings.ToLower(k.words)) || slices.Contains(names, k.name) {
			continue
		}
		if k.name == "BSD-2-Clause" && slices.Contains(names, "BSD-3-Clause") {
			continue // which has its words
		}
		names = append(names, k.name)
	}
	return names
}

// differences returns the lines of b that a has not, and those of a that b has not.
func differences(a, b string) (added, removed []string) {
	before, after := strings.Split(a, "\n"), strings.Split(b, "\n")
	for _, l := range after {
		if !slices.Contains(before, l) {
			added = append(added, l)
		}
	}
	for _, l := range before {
		if !slices.Contains(after, l) {
			removed = append(removed, l)
		}
	}
	if len(added)+len(removed) == 0 && a != b {
		added = []string{"(the order of lines)"}
	}
	return added, removed
}
