// Package als minimises the quadratic losses of matrix factorisation exactly,
// block by block: alternating least squares.
//
// Scores are o_uj = ⟨p_u, q_j⟩ for U users and C classes, P_u are the m_u
// positives of user u, and the objective is
//
//	Σ_u [ Σ_{j∈P_u} (½c o² − r o) + ω_u Σ_j (s o + ½κ o²) − (βω_u/2C)(Σ_j o)² ] + a Σ_u m_u
//	  + ½ Σ_u λ_u ‖p_u‖² + ½ Σ_j λ_j ‖q_j‖²
//
// with, for the losses that [RG] and [IALS] set up,
//
//	RG², RG×_β:  ω_u = m_u/C, c = 2a, r = 1+2a, s = 1, κ = 1        (a Σ_P (o−1)² added)
//	iALS:        ω_u = α₀,    c = 1,  r = 1,    s = 0, κ = 1, β = 0 (½Σ_P (o−1)² + ½α₀ Σ_j o², up to a constant)
//
// Where positives have weights w, each counts as w of it would: the term of Σ_{j∈P_u} is
// times w, and m_u and its like are sums of weights. With [IALS] the weights are the
// confidences of Hu, Koren, Volinsky.
//
// It is quadratic in all p and in all q. A sweep solves for all users, then for
// all classes, each exactly, so the objective never rises.
//
// Regularisation is frequency-scaled: λ_u = λ·n_u^ν with n_u the total weight of
// user u's squares, κω_uC + c m_u, and λ_j = λ·n_j^ν with n_j = κΣ_uω_u + c m_j.
// ν = 0 is one λ for all.
//
// Sources: Hu, Koren, Volinsky (2008) for alternating least squares on all
// pairs; Rendle, Krichene, Zhang, Koren: Revisiting the performance of iALS
// (2022) for α₀ and ν; Pu et al. (ICML 2024) for RG² and RG×.
package als
