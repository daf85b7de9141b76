// Package metrictest is the conformance suite of metrics: one set of checks for every
// metric, the module's own and its users'. Random numbers come from literal seeds, so a
// run that passes passes again.
package metrictest
