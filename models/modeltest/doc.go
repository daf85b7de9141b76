// Package modeltest is the conformance suite of models: one set of checks for every
// model, the module's own and its users'. Random numbers come from literal seeds, so a
// run that passes passes again.
package modeltest
