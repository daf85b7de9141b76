// Package arch states, as tests, what holds of the repository as a whole:
//
//   - which package may import which: packages flow one way, from graph to train to the command;
//   - that every public package has an example that is run, and a doc.go that says what it is for;
//   - that every exported name has a comment, and every link of a comment a name;
//   - that nothing is there for its own tests alone;
//   - how long a file may be.
//
// Each rule has a test beside it which shows that it can fail. Its commands write what other
// modules can name of this one, and the licences of the modules that are linked.
package arch
