// Package optim holds the updaters of tables and dense weights, one file each,
// and the learning-rate schedules, one file each. Both are chosen by a spec text
// such as "adam:lr=0.01,mode=dense" or "cosine:warmup=2".
//
// [Parse] reads a text, and [Optimizer].For makes the [Updater] of a table, which a loop calls
// once a step. Whoever adds an optimizer writes a [Rule], which moves rows, and gets the rest.
//
// A step hands an updater the rows of a table that have a gradient, all of them
// where the gradient is dense, each once. Every updater takes the
// parameters
//
//	lr     learning rate η before the schedule's factor
//	mode   which rows a step updates
//
// mode=lazy updates the rows that have a gradient: the cost of a step does not
// depend on the size of the table, and the moments of the other rows
// stand still. mode=dense updates every row, with gradient 0 where there is none:
// the textbook algorithm, at a cost proportional to the table. The two are the
// same wherever the gradient is dense. In both modes t, the step of a bias
// correction, counts the steps of the table, not of the row.
//
// A dense gradient may come as a whole, by [Updater.Update], or block by block while it is
// made, by [Updater.Begin], [Updater.Block] and [Updater.End]: weights, state and
// [Updater.Square] are the same to the bit. [Updater.UnitBlock] takes that by the rows divided
// by their norms: where the rule is a [UnitRule], as Adam, Adagrad and SGD are, one pass over
// a block makes of it the gradient by the rows, its squares and the step.
//
// What draws the weights of a table to 0 is told to its updater beside that; see
// [Regularization] and, for its text, [Penalty].
package optim
