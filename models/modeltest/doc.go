// Package modeltest is the conformance suite of models: one set of checks for every
// model, the module's own and its users'.
//
//	func TestMyModel(t *testing.T) {
//		model, err := models.Parse("my-model")
//		if err == nil {
//			err = modeltest.Check(model.Spec, nil)
//		}
//		if err != nil {
//			t.Error(err)
//		}
//	}
//
// [Check] takes a kind of model, at each of its probed settings; it says what it holds.
// [CheckModel] takes one model that a program has made, registered or not. Both return
// every fault that they find as one error, so any program can run them, and both need no
// trained weights: they draw some.
//
// A dataset is wanted only where the model reads fields that a generated one has not.
// Random numbers come from literal seeds, so a run that passes passes again.
package modeltest
