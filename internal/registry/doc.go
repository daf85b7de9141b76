// Package registry holds what is chosen by name (formats, splits, tasks, losses, recipes,
// models, heads, samplers, optimizers, metrics), and the parameters of such things: their
// declaration, their settings and the text form "name=value,name=value" that
// flags, config files, reports and op hashes share.
//
// Each kind has a [Registry] of specs, which the init functions of files fill, and a type that
// embeds [Choice]: a spec with its [Values]. A [Param] is the declaration from which a text is
// parsed, checked, completed and printed again, so that a file which registers something has
// all of that for its parameters. [Probes] and [Corners] are the settings that tests range over.
//
// A text that is wrong is an error that names the word and lists the choices; one that is
// nearly right is offered ([DidYouMean]). A declaration that is wrong is a mistake of
// the program, and registering it panics.
//
// The public packages repeat the names that their users need as aliases, such as losses.Param.
package registry
