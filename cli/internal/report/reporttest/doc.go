// Package reporttest compares a report's page with the JSON beside it. [Figures] looks for the
// numbers of every figure of the page in the JSON, and for the figure of all numbers, and draws
// each figure again from its numbers: the drawing must be the page's, to the byte. It is a
// package of its own because several packages test their reports by it.
package reporttest
