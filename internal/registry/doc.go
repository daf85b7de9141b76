// Package registry holds what is chosen by name (formats, splits, tasks, losses, recipes,
// models, heads, samplers, optimizers, metrics), and the parameters of such things: their
// declaration, their settings and the text form "name=value,name=value" that
// flags, config files, reports and op hashes share.
package registry
