// Package samplertest is the conformance suite of samplers: one set of checks for every
// distribution that candidates are drawn from, the module's own and its users'.
//
//	func TestMySampler(t *testing.T) {
//		spec, err := sampler.Lookup("my-sampler")
//		if err == nil {
//			err = samplertest.Check(spec, testing.Short())
//		}
//		if err != nil {
//			t.Error(err)
//		}
//	}
//
// [Check] holds a sampler to its own declaration and to nothing else: that draws follow
// the law whose logarithm they come with, that each fact of its Props holds where it is
// declared and fails where it is not, and that time and memory grow as it says. It returns
// every fault as one error. Random numbers come from literal seeds, so a run that passes
// passes again.
package samplertest
