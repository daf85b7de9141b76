// Package arch states, as tests, what holds of the repository as a whole: which package
// may import which, that public packages have examples, every exported name a comment
// and every link of a comment a name, that nothing is there for its own tests alone, and how
// long a file may be. Its commands write what other modules can name of this one, and the
// licences of the modules that are linked.
package arch
