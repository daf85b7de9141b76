// Package samplertest is the conformance suite of samplers: one set of checks for every
// distribution that candidates are drawn from, the module's own and its users'. It holds
// a sampler to its own declaration and to nothing else. Random numbers come from literal
// seeds, so a run that passes passes again.
package samplertest
