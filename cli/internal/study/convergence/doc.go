// Package convergence measures how fast gradient descent is under each loss:
// in a table of free scores, where theory makes exact statements, and in real
// training.
//
// [Tabular] descends on the conditional risk of a known distribution with the step that
// the declared smoothness allows, and counts the steps to a given excess; a [Descent] has them
// beside what the declared conditioning says. [HardLabel] does the same of a single label, where
// losses with a margin end in finitely many steps. [Train] follows the loss of whole models,
// epoch by epoch. [Verdicts] say where measurement and declaration agree, and [Section] puts
// all of it on a page.
package convergence
