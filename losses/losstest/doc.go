// Package losstest is the conformance suite of losses: one set of checks for
// every loss, the module's own and its users'.
//
//	func TestMyLoss(t *testing.T) {
//		spec, err := losses.Lookup("my-loss")
//		if err == nil {
//			err = losstest.Check(spec, testing.Short())
//		}
//		if err != nil {
//			t.Error(err)
//		}
//	}
//
// The suite holds a loss to its own declaration and to nothing else: there is no
// branch on a loss's name, and what differs between losses (domain, facts, order,
// bounds) is read from its Spec. Random numbers come from literal seeds, so a
// run that passes passes again.
package losstest
