package arch

import (
	"fmt"
	"go/types"
	"slices"
	"strings"
)

// API returns what other modules can name of the public packages but examples, one declaration a line
// and sorted: constants with their values, variables, functions, types, and of a type its
// exported fields and methods, those of embedded ones too.
func API(packages []*Package) []string {
	var lines []string
	for _, p := range packages {
		if p.Main || p.Internal() || strings.HasPrefix(p.Path, "examples/") {
			continue
		}
		d := declarations{pkg: p.Types, head: p.Path + ": "}
		for _, name := range p.Types.Scope().Names() {
			if o := p.Types.Scope().Lookup(name); o.Exported() {
				d.object(o)
			}
		}
		lines = append(lines, d.lines...)
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

type declarations struct {
	pkg   *types.Package
	head  string
	lines []string
}

// qualifier names a package by its path in the module, its own by nothing.
func (d *declarations) qualifier(p *types.Package) string {
	if p == d.pkg {
		return ""
	}
	return strings.TrimPrefix(p.Path(), module)
}

func (d *declarations) add(format string, args ...any) {
	d.lines = append(d.lines, d.head+fmt.Sprintf(format, args...))
}

func (d *declarations) text(t types.Type) string { return types.TypeString(t, d.qualifier) }

func (d *declarations) object(o types.Object) {
	switch o := o.(type) {
	case *types.Const:
		d.add("const %s %s = %s", o.Name(), d.text(o.Type()), o.Val().ExactString())
	case *types.Var:
		d.add("var %s %s", o.Name(), d.text(o.Type()))
	case *types.Func:
		d.add("func %s%s", o.Name(), strings.TrimPrefix(d.text(o.Type()), "func"))
	case *types.TypeName:
		d.named(o)
	}
}

// named writes a type: its kind, then what of it can be named.
func (d *declarations) named(o *types.TypeName) {
	if o.IsAlias() {
		d.add("type %s = %s", o.Name(), d.text(types.Unalias(o.Type())))
		return
	}
	t := o.Type().(*types.Named)
	name := o.Name()
	if n := t.TypeParams(); n.Len() > 0 {
		var params []string
		for q := range n.TypeParams() {
			params = append(params, q.Obj().Name()+" "+d.text(q.Constraint()))
		}
		name += "[" + strings.Join(params, ", ") + "]"
	}
	switch u := t.Underlying().(type) {
	case *types.Struct:
		d.add("type %s struct", name)
		for f := range u.Fields() {
			switch {
			case f.Embedded() && f.Exported():
				d.add("type %s struct, embeds %s", name, d.text(f.Type()))
			case f.Exported():
				d.add("type %s struct, %s %s", name, f.Name(), d.text(f.Type()))
			}
		}
	case *types.Interface:
		d.methodsOfInterface(name, u)
		return
	default:
		d.add("type %s %s", name, d.text(u))
	}
	values := types.NewMethodSet(t)
	all := types.NewMethodSet(types.NewPointer(t))
	for m := range all.Methods() {
		f, isFunc := m.Obj().(*types.Func)
		if !isFunc || !f.Exported() {
			continue
		}
		star := "*"
		if values.Lookup(f.Pkg(), f.Name()) != nil {
			star = ""
		}
		d.add("method (%s%s) %s%s", star, o.Name(), f.Name(), strings.TrimPrefix(d.text(m.Type()), "func"))
	}
}

// methodsOfInterface writes an interface. Its line has the names of all methods: one more
// changes it, as whoever implements it has to know.
func (d *declarations) methodsOfInterface(name string, u *types.Interface) {
	if !u.IsMethodSet() {
		d.add("type %s %s", name, d.text(u))
		return
	}
	var names []string
	hidden := false
	for m := range u.Methods() {
		if m.Exported() {
			names = append(names, m.Name())
			d.add("type %s interface, %s%s", name, m.Name(), strings.TrimPrefix(d.text(m.Type()), "func"))
		} else {
			hidden = true
		}
	}
	if hidden {
		d.add("type %s interface, which other packages cannot implement", name)
		return
	}
	d.add("type %s interface{ %s }", name, strings.Join(names, ", "))
}

// Changes returns which of two sorted lists of declarations are in the second alone and
// in the first alone. A change is one of both. What is in the first alone breaks programs.
func Changes(before, after []string) (added, removed []string) {
	for _, l := range after {
		if _, has := slices.BinarySearch(before, l); !has {
			added = append(added, l)
		}
	}
	for _, l := range before {
		if _, has := slices.BinarySearch(after, l); !has {
			removed = append(removed, l)
		}
	}
	return added, removed
}
