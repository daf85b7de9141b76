// Package all runs the five studies on one data set within one budget of time
// and puts them into one report: consistency, convergence, bias and variance,
// complexity, comparison.
//
// [Run] gives each [Part] its share of what is left of the budget when it starts, so that a part
// which ends early leaves its time to the others. What the budget or a fault cut off is noted
// beside the part. What the parts measure is in their own packages,
// beside this one.
package all
