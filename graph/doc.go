// Package graph is the only package that defines Gorgonia ops and runs
// Gorgonia machines: losses over very many classes as nodes of a graph, what models and
// losses are composed of, symbolic differentiation, and programs that run for many steps.
//
// Letters: B rows of a batch, K candidates of a row, C classes, d hidden
// width; h is [B,d], W is [C,d], scores z are [B,K]. A loss is in nats where it has a
// unit.
//
// # In which order to read
//
// The examples of the package, of [Loss] and of [ValueGrads] are whole programs. Then:
//
//  1. leaves: [Builder], whose leaves are slices of the caller's, and [Targets];
//  2. nodes: the primitives below, composed by [Expr], which keeps the first error;
//  3. the end of a graph: [Loss] and its sisters, [MeanRows], [WeightedMean];
//  4. derivatives: [Grad];
//  5. runs: [Program], made by Train or Eval of a Builder, or a machine of one's own;
//  6. weights: [Table], which a Program's Step moves by an [Updater], or its Run by a
//     [BlockUpdater];
//  7. [CheckGradient], of what one has made.
//
// Whoever writes a loss goes on to [Analytic] and to package losses, which has names and
// families of them.
//
// # Nodes
//
// Each primitive is exact to rounding at float64, and at float32 too unless it says how
// far off it is, as functions such as [Exp] do; and may be differentiated any number of
// times unless it says otherwise. Operands that do not fit, in
// precision, shape or graph, are an error of the call, never of the run; data that do
// not, as an id beyond its table, are an error of the run, which names the place.
//
//   - Elementwise: [Add], [Sub], [Mul], [Div], [Scale], [AddScalar], [MulScalar], [Neg],
//     [Square], [Sqrt], [Pow], [PowPositive], [PowPositiveBy], [Exp], [Expm1], [Log],
//     [Log1p], [LogPositive], [Relu], [GELU], [Clamp], [Abs], [Sign], [Sigmoid],
//     [Softplus], [Tanh], [Atan], [FillMasked], [Identity], [Detach].
//   - Rows of a matrix: [RowSum], [RowMean], [RowMax], [RowKth], [RowCount], [RowDot],
//     [LogSumExp], [Softmax], [LogSoftmax], [L2Normalize], [EntmaxThreshold],
//     [NormThreshold], [ThresholdBy], [MapRows]; a vector against each column by [AddRow],
//     [SubRow], [MulRow], [DivRow]; one against each row by [AddBias], [MulCols]; over
//     rows [ColSum], [Sum]; [LayerNorm]; of segments of a vector [SegmentSoftmax].
//   - Shapes and products: [MatMul], [Reshape], [Slice], [Concat], [Repeat].
//   - Layers of encoders, each one op that a test holds against the nodes that it stands for:
//     [Affine], with an activation, a dropout and what is added; and over ragged segments
//     of rows, end to end and without padding, [CausalAttention] and [GRU].
//   - Tables: [Lookup], [Bag], [DenseRows], [SegmentSum]; few classes of W by [RowScores] and
//     [PairScores].
//   - Targets: [TargetDot], [TargetMatrix], [EachPositive], [EachPositiveApart], [CheckTargets].
//   - What a program computes in the middle of a run: [HostInts], [HostIntsOf],
//     [HostFloats]; and [Dropout].
//   - What there is no node for: an [Op] of the caller's own, by [Apply].
//
// # The end of a graph
//
// Five nodes turn scores, or what scores are made of, into the losses of rows, each by
// one [Analytic]:
//
//	Loss                z [B,K]                  the scores are a node
//	LinearLoss          H [B,d], W [C,d]         all classes, without their [B,C] scores
//	SampledLoss         positives [N], draws     sampled candidates, as scores
//	SampledLinearLoss   H, W, ids of draws       sampled candidates of a class table
//	RaggedLoss          z [M], bounds [S+1]      candidates of each row's own number
//
// and [BinaryLoss] takes bits for targets. An Analytic has a closed form of a row
// ([RowLoss]); or is stated on tiles, from which follow row and fused form, as a
// [Stream] or a [Threshold]; or is a [Definition] as nodes alone, by [FromNode]. The
// nodes take any upstream gradient; they have one derivative, and who wants the second
// composes the loss from primitives.
//
// # Derivatives
//
// [Grad] walks the graph in reverse over the derivatives of its nodes, ours and
// Gorgonia's, and may be applied again. The gradient of a leaf that is read by rows
// stays row-sparse inside a Program ([Gradient], [RowSums]). [CheckGradient] compares
// a Program's gradients with central differences; its [GradientReport] is what all checks
// of this module return.
//
// # Steps in a run
//
// The gradient of a large class table is as large as the table, and an optimizer that reads
// it after the run fetches everything from memory again. So where a [LinearLoss] alone reads
// the table, [Program.Sink] turns the order round:
//
//	LinearLoss: a block of rows of ∂L/∂W is finished → through the norm, if Unit → BlockUpdater.Block
//	Program.Run: Begin, Block of every row once, End
//	Program.Step: nothing more, unless the run found few rows
//
// A [UnitBlockUpdater] leads the gradient through the norm itself, while it moves the rows.
//
// Each row is handed over after it was read for the last time, what an entry becomes depends
// on its own gradient alone, and sums over rows go by fixed groups of [BlockRows] or fewer
// of them: weights, state and norms have the same bits as after Update by the whole gradient,
// on any number of goroutines. What must know all of the gradient first, as clipping, does
// not call Sink; everything else stays as it is.
//
// # Masks and padding
//
// A score of −Inf is a masked candidate, as if deleted. An op that makes a number of it,
// as Relu and Exp do, ends the mask: RowMean and RowCount of what follows count the
// candidate, so that a mean over candidates is RowSum divided by RowCount of z. A row without a target is
// padding: its loss and gradient are 0, and nothing that it holds matters to the
// ops that know the targets.
//
// # Gorgonia
//
// Gorgonia v0.9.18 has silent wrong answers; the rules that keep clear of them
// hold for every op here, [Verify] looks for them in every graph that is
// compiled, and the tests named Trap fence them off:
//
//   - an op owns its output buffer, returns neither an input nor a view of one,
//     and carries a unique instance id in its hash, so that no two merge;
//   - an op reads the entries of a leaf's tensor, also where that is transposed, a slice
//     or in Fortran's order;
//   - an op turns its own panics into errors, because a machine runs ops in a
//     goroutine that callers cannot recover;
//   - every op, gradient ops included, is an SDOp; a Program's gradients come from
//     Grad, not from gorgonia.Grad; one pruned tape machine per Program; named leaves
//     only; static shapes.
//
// # Machines of one's own
//
// Every node of this package may also stand in a graph that a caller made with
// gorgonia.NewGraph, with targets by [LabelTargets] or [SparseTargets], be differentiated
// by Grad or by gorgonia.Grad, and run by a gorgonia.TapeMachine with or without
// BindDualValues. Gorgonia's solvers take gorgonia.NodesToValueGrads after gorgonia.Grad,
// and [ValueGrads] after Grad. Such a machine runs the whole graph: it computes all
// gradients, those nobody reads too, and as matrices, where a Program spares memory
// and time. Verify looks for what Gorgonia computes wrongly only if it is called, and
// [SetStep] tells Dropout the step.
//
// What Gorgonia does not do is an error: a second gorgonia.Grad of a cost over nodes
// of this package, which would return the gradients of the first, and a LispMachine,
// which cannot differentiate the nodes. The value of a node between others is Gorgonia's to
// overwrite once it was read; gorgonia.Read keeps it.
//
// Stock ops that work may be mixed in. One that panics, rather than returning an
// error, ends the process: Gorgonia leaves no place to recover it.
package graph

// Gorgonia's tensors refuse to start on a Go release newer than this module
// knows; the pin in go.mod must outlive any tidy.
import _ "go4.org/unsafe/assume-no-moving-gc"
