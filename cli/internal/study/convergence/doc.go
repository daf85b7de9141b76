// Package convergence measures how fast gradient descent is under each loss:
// in a table of free scores, where theory makes exact statements, and in real
// training.
package convergence
