// Package metrictest is the conformance suite of metrics: one set of checks for every
// metric, the module's own and its users'.
//
//	func TestMyMetric(t *testing.T) {
//		m, err := metric.Lookup("my-metric")
//		if err == nil {
//			err = metrictest.Check(m)
//		}
//		if err != nil {
//			t.Error(err)
//		}
//	}
//
// [Check] compares what a metric's accumulator finds, ranking by ranking, with what its Ref
// finds in all rankings at once, and holds each declaration, such as that lower is
// better, in both directions. It returns every fault as one error. Random numbers come from
// literal seeds, so a run that passes passes again.
package metrictest
