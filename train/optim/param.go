package optim

import "github.com/fenchel-ml/fenchel/internal/registry"

// Param and Values are those of package registry, which all that is chosen by name
// shares: the declaration of a parameter, and the settings of a list of them.
type (
	Param  = registry.Param
	Values = registry.Values
)

// Enum returns the fixed list of choices of a parameter that is a string.
func Enum(choices ...string) func() []string { return registry.Enum(choices...) }
