package cli

import (
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/fenchel-ml/fenchel/data"
)

// Flags that say what the columns of a table are have every command that reads a data set.
const (
	columnsUsage = `which columns of a table are what, by name or number, as in user=Nutzer,item=3,time=none (rating and time may be none); ` +
		`what holds a comma goes between double quotes with its role, as in '"user=name, first",item=2'; the usual names unless given; may be repeated`
	sepUsage    = "what is between the columns of format csv: comma, semicolon, tab, space, pipe, blanks (any run of spaces and tabs) or the characters themselves, such as ::; by the first line unless given"
	quoteUsage  = "what is around texts of format csv: double, single or none; double unless given, and none between tabs and blanks"
	headerUsage = "whether the first line of format csv is names: yes or no; yes unless user and item are columns by number and the line holds a number"
)

// layoutFlags are those flags of a command that has no train.Config.
type layoutFlags struct{ columns, sep, quote, header textValue }

func (l *layoutFlags) add(cmd *cobra.Command) {
	l.columns = textValue{kind: "list", joined: true}
	l.sep.kind, l.quote.kind, l.header.kind = "name", "name", "name"
	f := cmd.Flags()
	f.Var(&l.columns, "columns", columnsUsage)
	f.Var(&l.sep, "sep", sepUsage)
	f.Var(&l.quote, "quote", quoteUsage)
	f.Var(&l.header, "header", headerUsage)
	must(cmd.RegisterFlagCompletionFunc("columns", complete(columnRoles)))
	must(cmd.RegisterFlagCompletionFunc("sep", complete(separatorNames)))
	must(cmd.RegisterFlagCompletionFunc("quote", complete(quoteNames)))
	must(cmd.RegisterFlagCompletionFunc("header", complete(headerNames)))
}

// check has c take what the flags say, and returns what is wrong with it.
func (l *layoutFlags) check(c *data.Config) error {
	c.Columns, c.Sep, c.Quote, c.Header = l.columns.text, l.sep.text, l.quote.text, l.header.text
	err := c.Validate()
	if err == nil {
		return nil
	}
	faults := []error{err}
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		faults = all.Unwrap()
	}
	for i, fault := range faults {
		if of, ok := errors.AsType[*data.SettingError](fault); ok && slices.Contains([]string{"columns", "sep", "quote", "header"}, of.Setting) {
			faults[i] = flagOf(fault)
		}
	}
	return usageError{errors.Join(faults...)}
}

func columnRoles() []string { return []string{"user=", "item=", "rating=", "time="} }
func separatorNames() []string {
	return []string{"comma", "semicolon", "tab", "space", "pipe", "blanks", "::"}
}
func quoteNames() []string  { return []string{"double", "single", "none"} }
func headerNames() []string { return []string{"yes", "no"} }
