// Package docs is no library: its folder holds the pages that developers and researchers
// read, and its tests hold what README.md, STUDY.md, these pages and the README files of
// examples and benchmarks show against the code.
//
//   - A block of Go is a part of a committed file, or a whole program that is compiled and
//     run in a module of its own.
//   - A block of shell is run line by line in a folder of its own, quickly, and the commands
//     that a sentence names in passing are parsed.
//   - theory.md is written by go generate from what the losses register.
//
// See the comments of snippets_test.go for how a page says what a block is.
package docs

//go:generate go run ./theory -o theory.md
