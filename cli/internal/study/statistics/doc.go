// Package statistics has the statistics that several studies need and that
// gonum.org/v1/gonum/stat does not have in the form that they need.
package statistics
