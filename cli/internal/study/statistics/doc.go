// Package statistics has the statistics that several studies need and that
// gonum.org/v1/gonum/stat does not have in the form that they need: quantiles by
// definition 7 of Hyndman and Fan, which is the default of R and of numpy, the median by it, a
// slope with its standard error, and weights divided by their sum.
package statistics
