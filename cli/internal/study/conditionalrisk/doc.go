// Package conditionalrisk holds the conditional risk of a loss and its minimiser.
//
// For one row with class distribution t over K classes the conditional risk of
// scores z is
//
//	R(z) = E_{y~t} ℓ(z, y) = Σ_y t_y ℓ(z, y)
//
// What consistency and convergence say of a loss they say of this function.
package conditionalrisk
