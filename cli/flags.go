package cli

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// Flags of numbers that are no settings of a train.Config. They are read by the same
// rule as those, not by pflag's own, which takes 010 for eight, and each has a bound on
// both sides: what is outside is a usage error that names the flag and the bounds.

// maxCount bounds what is counted; see bounds of package train.
const maxCount = math.MaxInt32

// addWhole adds a flag of a whole number in [least, most]; *p is its default.
func addWhole(f *pflag.FlagSet, p *int, name string, least, most int, usage string) {
	f.Var(&wholeValue{p, least, most}, name, usage)
}

type wholeValue struct {
	p           *int
	least, most int
}

func (v *wholeValue) String() string {
	if v.p == nil { // the zero value, which pflag asks
		return "0"
	}
	return strconv.Itoa(*v.p)
}

func (v *wholeValue) Type() string { return "int" }

func (v *wholeValue) Set(text string) (err error) {
	*v.p, err = v.read(text)
	return err
}

func (v *wholeValue) read(text string) (int, error) {
	n, err := registry.Whole(text)
	how := fmt.Sprintf("above %d", v.most)
	switch {
	case errors.Is(err, registry.ErrNumber):
		return 0, fmt.Errorf("%q is not a whole number", text)
	case err != nil && strings.HasPrefix(text, "-"), err == nil && n < int64(v.least): // n is 0 of what no integer holds
		how = fmt.Sprintf("below %d", v.least)
	case err == nil && n <= int64(v.most):
		return int(n), nil
	}
	return 0, boundError(fmt.Sprintf("%s is %s; want %d to %d", text, how, v.least, v.most))
}

// A boundError is of a number that is outside of its flag's bounds.
type boundError string

func (e boundError) Error() string { return string(e) }

// flagError is what the command says of an error of pflag's.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		return usageError{fmt.Errorf("%w%s", err, similarFlag(cmd, unknown.GetSpecifiedName()))}
	}
	var of *pflag.InvalidValueError
	var outside boundError
	if errors.As(err, &of) && errors.As(err, &outside) {
		err = fmt.Errorf("--%s: %w", of.GetFlag().Name, outside)
	}
	return usageError{err}
}

// similarFlag ends the error of a flag that a command has not with the one that was
// probably meant. The help that the error points to lists them all.
func similarFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if best := registry.Closest(name, names); best != "" {
		return fmt.Sprintf(" (did you mean --%s?)", best)
	}
	return ""
}

// addWholes adds a flag of whole numbers in [least, most] with commas between; *p are its
// default.
func addWholes(f *pflag.FlagSet, p *[]int, name string, least, most int, usage string) {
	f.Var(&listValue[int]{p: p, read: (&wholeValue{nil, least, most}).read, kind: "intSlice"}, name, usage)
}

// addReals adds a flag of finite numbers with commas between; *p are its default.
func addReals(f *pflag.FlagSet, p *[]float64, name, usage string) {
	f.Var(&listValue[float64]{p: p, read: (&realValue{nil, anyReal}).read, kind: "float64Slice"}, name, usage)
}

// A listValue is a list; the first text of a command line replaces the default, and
// further ones add to it.
type listValue[T any] struct {
	p     *[]T
	read  func(text string) (T, error)
	kind  string
	given bool
}

func (v *listValue[T]) String() string {
	if v.p == nil {
		return "[]"
	}
	return strings.ReplaceAll(fmt.Sprint(*v.p), " ", ",")
}

func (v *listValue[T]) Type() string { return v.kind }

func (v *listValue[T]) Set(text string) error {
	var all []T
	if v.given {
		all = *v.p
	}
	for part := range strings.SplitSeq(text, ",") {
		x, err := v.read(strings.TrimSpace(part))
		if err != nil {
			return err
		}
		all = append(all, x)
	}
	*v.p, v.given = all, true
	return nil
}

// addSeed adds a flag of a whole number from 0; *p is its default.
func addSeed(f *pflag.FlagSet, p *uint64, name, usage string) {
	f.Var(&seedValue{p}, name, usage)
}

type seedValue struct{ p *uint64 }

func (v *seedValue) String() string {
	if v.p == nil {
		return "0"
	}
	return strconv.FormatUint(*v.p, 10)
}

func (v *seedValue) Type() string { return "uint64" }

func (v *seedValue) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%q is not a whole number from 0 to %d", text, uint64(math.MaxUint64))
	}
	*v.p = n
	return nil
}

// addReal adds a flag of a number in a domain; *p is its default.
func addReal(f *pflag.FlagSet, p *float64, name string, in domain, usage string) {
	f.Var(&realValue{p, in}, name, usage)
}

// addOptionalReal adds a flag of a finite number that may be absent: nil until it is
// given.
func addOptionalReal(f *pflag.FlagSet, p **float64, name, usage string) {
	f.Var(&optionalReal{p}, name, usage)
}

type optionalReal struct{ p **float64 }

func (o *optionalReal) Type() string { return "number" }

func (o *optionalReal) String() string {
	if o.p == nil || *o.p == nil {
		return ""
	}
	return strconv.FormatFloat(**o.p, 'g', -1, 64)
}

func (o *optionalReal) Set(text string) error {
	x, err := (&realValue{nil, anyReal}).read(text)
	if err != nil {
		return err
	}
	*o.p = &x
	return nil
}

// A domain is the numbers that a flag takes: those above one that is not among them.
type domain struct {
	name  string
	above float64
}

var (
	anyReal  = domain{"a finite number", math.Inf(-1)}
	positive = domain{"a finite number above 0", 0}
)

type realValue struct {
	p  *float64
	in domain
}

func (v *realValue) String() string {
	if v.p == nil {
		return "0"
	}
	return strconv.FormatFloat(*v.p, 'g', -1, 64)
}

func (v *realValue) Type() string { return "float64" }

func (v *realValue) Set(text string) (err error) {
	*v.p, err = v.read(text)
	return err
}

func (v *realValue) read(text string) (float64, error) {
	x, err := registry.Real(text)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is too large: numbers are at most %.4g", text, math.MaxFloat64)
	}
	if err != nil || !(x > v.in.above) {
		return 0, fmt.Errorf("%q is not %s", text, v.in.name)
	}
	return x, nil
}
