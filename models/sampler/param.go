package sampler

import "github.com/fenchel-ml/fenchel/internal/registry"

// Param and Values are shared by all that is chosen by name.
//
// A Param declares a parameter. A number has Name, Doc, Default, the inclusive bounds Min
// and Max, Integer where it must be whole, and Probe, further numbers that tests run at; a
// string has Choices, which Enum makes, or AnyString, and DefaultString. Hint says why a
// value is refused.
//
// Values are the settings of a list of parameters: v.Num(name), v.Int(name) and
// v.String(name) return one, and panic where none of that name and kind is declared.
type (
	Param  = registry.Param
	Values = registry.Values
)

// Enum returns the fixed list of choices of a parameter that is a string.
func Enum(choices ...string) func() []string { return registry.Enum(choices...) }
