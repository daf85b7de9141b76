// Package arch states, as tests, what holds of the repository as a whole: which package
// may import which, that public packages have examples, every exported name a comment
// and every link of a comment a name, and how long a file may be. It has no code of its
// own.
package arch
