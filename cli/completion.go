package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/train/metric"
)

// completeSpecs returns a completion of a spec text, such as
// "adam:lr=0.1,mode=dense", from registries: first the name, then the names of
// its parameters, then the choices of a string.
func completeSpecs(kinds ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		name, settings, named := strings.Cut(toComplete, ":")
		var match []string
		seen := map[string]bool{} // a recipe may have the name of its loss
		for _, kind := range kinds {
			r, err := registryOf(kind)
			must(err)
			for _, e := range r.entries() {
				switch {
				case !named && strings.HasPrefix(e.Name, toComplete) && !seen[e.Name]:
					seen[e.Name] = true
					match = append(match, cobra.CompletionWithDesc(e.Name, e.Doc))
				case named && e.Name == name:
					return completeParams(e.Params, name+":", settings)
				}
			}
		}
		return match, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeParams completes the last of the settings, of which those before the
// last comma are done; before is what stands in front of them all.
func completeParams(ps []entryParam, before, settings string) ([]string, cobra.ShellCompDirective) {
	if i := strings.LastIndex(settings, ","); i >= 0 {
		before, settings = before+settings[:i+1], settings[i+1:]
	}
	key, value, valued := strings.Cut(settings, "=")
	var match []string
	if !valued {
		for _, p := range ps {
			if strings.HasPrefix(p.Name, key) && !strings.Contains(before, ":"+p.Name+"=") && !strings.Contains(before, ","+p.Name+"=") {
				match = append(match, cobra.CompletionWithDesc(before+p.Name+"=", p.Doc))
			}
		}
		return match, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
	for _, p := range ps {
		if p.Name != key {
			continue
		}
		for _, w := range p.Choices {
			if strings.HasPrefix(w, value) {
				match = append(match, before+key+"="+w)
			}
		}
	}
	return match, cobra.ShellCompDirectiveNoFileComp
}

// completeMetrics completes the last metric of a list with commas, up to its
// cut-off: "recall@".
func completeMetrics(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	i := strings.LastIndex(toComplete, ",") + 1
	r, err := registryOf("metric")
	must(err)
	var match []string
	for _, e := range r.entries() {
		if strings.HasPrefix(e.Name, toComplete[i:]) {
			cut := "@"
			if m, err := metric.Lookup(e.Name); err == nil && m.NoCutoff {
				cut = ""
			}
			match = append(match, cobra.CompletionWithDesc(toComplete[:i]+e.Name+cut, e.Doc))
		}
	}
	return match, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeSource completes a data set: "demo", else a path.
func completeSource(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if toComplete != "" && strings.HasPrefix("demo", toComplete) {
		return []string{"demo"}, cobra.ShellCompDirectiveDefault
	}
	return nil, cobra.ShellCompDirectiveDefault
}

// completeFile completes a path of a file of any name.
func completeFile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveDefault
}
