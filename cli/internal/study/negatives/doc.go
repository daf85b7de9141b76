// Package negatives measures one effect that two publications found under two names: the
// weight ω that the negatives of a row have beside its positive.
//
// The code of BSL (Wu et al. 2024, arXiv:2312.12882) trains, with a constant ω above 1,
//
//	ℓ = −z_y/τ + ω log Σ_j e^{z_j/τ},   Σ_j ∂ℓ/∂z_j = ω/τ,   ∂ℓ/∂z_y = −1/τ
//
// over the negatives j of the positive y. SL@K (Yang et al. 2025) has ℓ = w L with
// L = log (N/n) Σ_j e^{(z_j−z_y)/τ} and w = σ((z_y − β)/τ_w), whose gradient is
//
//	Σ_j ∂ℓ/∂z_j = w/τ,   ∂ℓ/∂z_y = −w (1 − τ (1−w) L/τ_w)/τ
//
// Up to the factor w of the row the negatives thus weigh
//
//	ω_y = 1/(1 − τ (1−w) L/τ_w)
//
// which is above 1 wherever L is above 0. The study trains the one at several constants ω
// and the other at its own ω_y, and shows both over training.
package negatives
