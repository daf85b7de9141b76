// Package all runs the five studies on one data set within one budget of time
// and puts them into one report: consistency, convergence, bias and variance,
// complexity, comparison.
package all
