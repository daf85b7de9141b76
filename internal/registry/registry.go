package registry

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// A Registry holds the registered things of one kind by name. It is safe for
// concurrent use. Its zero value is not usable; make one with NewRegistry.
type Registry[T any] struct {
	pkg, kind string
	mu        sync.RWMutex
	specs     map[string]*T
	params    map[string][]Param
}

// NewRegistry returns an empty registry of package pkg; kind is the word that
// errors use for its entries, e.g. "sampler".
func NewRegistry[T any](pkg, kind string) *Registry[T] {
	return &Registry[T]{pkg: pkg, kind: kind, specs: map[string]*T{}, params: map[string][]Param{}}
}

// Add registers s under name with parameters ps. It panics if the name is
// malformed or taken, if a parameter is malformed, or if fault, the caller's own
// check of s, is not nil: mistakes of the program that its first run shows.
func (r *Registry[T]) Add(name string, ps []Param, s T, fault error) {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		panic(fmt.Sprintf("%s: malformed name %q: want a-z, 0-9 and -", r.pkg, name))
	}
	if err := Validate(ps); err != nil {
		panic(fmt.Sprintf("%s: %s: %v", r.pkg, name, err))
	}
	if fault != nil {
		panic(fmt.Sprintf("%s: %s: %v", r.pkg, name, fault))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, dup := r.specs[name]; dup {
		panic(fmt.Sprintf("%s: duplicate name %q", r.pkg, name))
	}
	r.specs[name], r.params[name] = &s, ps
}

// Names returns the registered names, sorted.
func (r *Registry[T]) Names() []string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.specs))
}

// All returns the registered things, sorted by name.
func (r *Registry[T]) All() []*T {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*T, 0, len(r.specs))
	for _, name := range slices.Sorted(maps.Keys(r.specs)) {
		all = append(all, r.specs[name])
	}
	return all
}

// Lookup returns what is registered under name; the error of an unknown name
// lists the choices.
func (r *Registry[T]) Lookup(name string) (*T, error) {
	r.mu.RLock()
	s, ok := r.specs[name]
	r.mu.RUnlock()
	if !ok {
		return nil, fmt.Errorf("%s: unknown %s %q%s", r.pkg, r.kind, name, Offer(name, r.Names()))
	}
	return s, nil
}

// Parse returns what a spec text denotes: a registered name, alone or followed by a
// colon and comma-separated parameters. Parameters left out take their default. The
// error names what is wrong and lists the choices.
func (r *Registry[T]) Parse(text string) (Choice[T], error) { return r.ParseMore(text, nil) }

// ParseMore is Parse of a thing whose settings may call for further parameters, as
// the name of a sampler calls for that sampler's: more returns them from the settings
// of those that it was registered with.
func (r *Registry[T]) ParseMore(text string, more func(s *T, own Values) ([]Param, error)) (Choice[T], error) {
	t, fault := Read(text)
	if fault != nil {
		if _, err := r.Lookup(t.Name); err != nil {
			return Choice[T]{}, err
		}
		return Choice[T]{}, fmt.Errorf("%s: %s: %w", r.pkg, t.Name, fault)
	}
	return r.Choose(t, more)
}

// Choose is ParseMore of a text that was read; more may be nil.
func (r *Registry[T]) Choose(t Text, more func(s *T, own Values) ([]Param, error)) (Choice[T], error) {
	s, err := r.Lookup(t.Name)
	if err != nil {
		return Choice[T]{}, err
	}
	r.mu.RLock()
	ps := r.params[t.Name]
	r.mu.RUnlock()
	if more != nil {
		ps, err = withMore(ps, t.Settings, func(own Values) ([]Param, error) { return more(s, own) })
	}
	var v Values
	if err == nil {
		v, err = Bind(ps, t.Settings)
	}
	if err != nil {
		return Choice[T]{}, fmt.Errorf("%s: %s: %w", r.pkg, t.Name, err)
	}
	return Choice[T]{Spec: s, Params: ps, Values: v, name: t.Name}, nil
}

// withMore returns ps and the further parameters that the settings of ps call for.
func withMore(ps []Param, settings []Setting, more func(own Values) ([]Param, error)) ([]Param, error) {
	// What ps lacks may be among the further ones: a first reading takes ps alone.
	own := slices.DeleteFunc(slices.Clone(settings), func(s Setting) bool {
		return !slices.ContainsFunc(ps, func(p Param) bool { return p.Name == s.Name })
	})
	v, err := Bind(ps, own)
	if err != nil {
		return nil, err
	}
	further, err := more(v)
	if err != nil || len(further) == 0 { // without any all choices share the declaration
		return ps, err
	}
	ps = slices.Concat(ps, further)
	return ps, Validate(ps)
}

// SpecText joins a name and the settings that differ from their default:
// "name" or "name:key=value,…".
func SpecText(name string, ps []Param, v Values) string {
	if settings := v.Text(ps); settings != "" {
		return name + ":" + settings
	}
	return name
}

// CutSpec splits a spec text into its name and the text of its settings.
func CutSpec(text string) (name, settings string) {
	name, settings, _ = strings.Cut(text, ":")
	return strings.TrimSpace(name), settings
}

// With returns the spec text with one setting, in front of the others that it has.
// It does not parse: what the text denotes may be registered anywhere.
func With(text, name, value string) string {
	head, settings := CutSpec(text)
	parts := []string{name + "=" + value}
	for part := range strings.SplitSeq(settings, ",") {
		if key, _, _ := strings.Cut(part, "="); strings.TrimSpace(part) != "" && strings.TrimSpace(key) != name {
			parts = append(parts, part)
		}
	}
	return head + ":" + strings.Join(parts, ",")
}
