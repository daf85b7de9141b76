// Package gradcheck checks the gradients of losses: symbolic, analytic and numerical.
// It reports how far apart they are.
//
// A loss is stated as a graph, whose gradient is symbolic differentiation
// (Node), as a closed form (Analytic, which graph.Loss and the fused
// graph.LinearLoss carry), and as a textbook value (Ref). The gradient of Analytic
// at float64 is the reference; the others are measured by their distance from
// it.
//
// A loss that declares no New has its Node in the place of Analytic, and one that
// declares no Ref has it in that of Ref: its differences are of the value of Node. With
// neither there is no entry for the value, which nothing else states.
package gradcheck
