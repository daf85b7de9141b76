// Package arch states, as tests, what holds of the repository as a whole:
//
//   - which package may import which: packages flow one way, from graph to train to the command;
//   - that every public package has an example that is run, and a doc.go that says what it is for;
//   - that every exported name has a comment, and every link of a comment a name;
//   - how long a file may be.
//
// It has no code of its own. Each rule has a test beside it which shows that it can fail.
package arch
