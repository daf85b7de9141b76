package data

import "errors"

// DefaultSplit is the split of a source that comes without one. OrderedSplit is that of one
// whose times are places in each user's own sequence, as in the format sequence: items taken
// out of its middle by lot would be asked for with what came after them in the history.
const (
	DefaultSplit = "ratio:0.8,0.1,0.1,seed=1"
	OrderedSplit = "leave-one-out:seed=1"
	PointSplit   = "points:0.8,0.1,0.1,seed=1" // of points in one file
)

// Config says what to load.
type Config struct {
	// Source is a file, a directory of train, valid and test files (each plain or
	// compressed; valid and test may be absent) or of one file, or a demo text such as
	// "demo:users=500"; default "demo". A file called "demo" is reached as "./demo".
	Source string

	// Format is the text of a registered format, such as "sequence:ids=from1"; default
	// recognised by content.
	Format string

	// Columns says which columns of a table (formats csv, recbole, jsonl and parquet) are what:
	// role=name with commas between, as in "user=Nutzer,item=3,time=none". Roles are user,
	// item, rating and time; a name is that of the header, or of a key, or a number from 1,
	// and rating and time may be none. What holds a comma goes between double quotes with its
	// role. Default the usual names.
	Columns string

	// Sep, Quote and Header are of format csv: what is between columns (comma, semicolon, tab,
	// space, pipe, blanks, or the characters themselves), what is around texts (double, single
	// or none), and whether the first line is names (yes or no). Default by the first line:
	// what it has the most of, double quotes but between tabs and blanks, and names, unless
	// user and item are columns by number and it holds a number.
	Sep, Quote, Header string

	// UserFeatures and ItemFeatures are files of features, plain or compressed, whose first column
	// are the ids of the source; default those that lie in a folder Source beside the
	// interactions under the names of a [FeatureFormat], if there are any. A format is
	// recognised by the first lines.
	UserFeatures, ItemFeatures string

	// MinRating and Core are the filters, applied in this order before the split;
	// see [Filter]. Default nil and 0: none.
	MinRating *float64
	Core      int

	// Split is a split's text; default "given" for a directory of splits,
	// OrderedSplit for a source that is sequences, PointSplit for one of points, TextSplit for
	// running text, DefaultSplit for the rest.
	Split string

	// Held is the text of [Held], such as "0.1": a share of the users is held out of
	// training altogether; default "": nobody.
	Held string
}

// A Plan is a Config whose texts have been read: what they denote, once and for all.
type Plan struct {
	// Config has the canonical text of each that denotes something; the others, and
	// what is a path, stay as they were given.
	Config Config

	demo   *Demo  // nil of a file
	format readAs // of nothing: it is recognised
	layout layout
	split  Splitter
	held   Held
	err    error
}

// Plan reads the texts of c. The error names every fault that shows without opening the
// source; the plan beside it holds what could be read, and loads nothing.
func (c Config) Plan() (*Plan, error) {
	p := &Plan{Config: c}
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	of := func(setting string, err error) {
		if err != nil {
			fault(&SettingError{setting, err})
		}
	}
	if isDemo(c.Source) {
		demo, err := ParseDemo(c.Source)
		if fault(err); err == nil {
			p.demo = &demo
			if c.Source != "" {
				p.Config.Source = demo.String()
			}
		}
		if c.Format != "" {
			fault(errors.New("data: demo is generated and takes no format"))
		}
	}
	if c.Format != "" {
		format, err := formats.Parse(c.Format)
		if of("format", err); err == nil {
			p.format, p.Config.Format = format, format.String()
		}
	}
	p.layout = parseLayout(&p.Config, of)
	if p.layout.given() && p.demo != nil {
		fault(errors.New("data: demo is generated and has no columns to name"))
	}
	if p.format.Spec != nil {
		fault(p.layout.wants(p.format.Spec))
	}
	fault(p.filter().Validate())
	if c.Split != "" {
		s, err := ParseSplit(c.Split)
		if of("split", err); err == nil {
			p.split, p.Config.Split = s, s.String()
		}
	}
	held, err := ParseHeld(c.Held)
	if of("held", err); err == nil {
		p.held, p.Config.Held = held, held.String()
	}
	p.err = errors.Join(faults...)
	return p, p.err
}

// A SettingError is a fault of one setting of a Config: "format", "columns", "sep", "quote",
// "header", "split", "held", "user_features" or "item_features".
type SettingError struct {
	Setting string // its key in a configuration
	Err     error  // what is wrong with it
}

// Error implements error: it is the text of Err.
func (e *SettingError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *SettingError) Unwrap() error { return e.Err }

// Validate reports every fault that shows without opening the source.
func (c Config) Validate() error {
	_, err := c.Plan()
	return err
}

func (p *Plan) filter() Filter { return Filter{MinRating: p.Config.MinRating, Core: p.Config.Core} }

// Load opens the source, filters it and splits it.
func Load(c Config) (*Dataset, error) {
	p, err := c.Plan()
	if err != nil {
		return nil, err
	}
	return p.Load()
}

// Load opens the source, filters it and splits it.
func (p *Plan) Load() (*Dataset, error) {
	if p == nil {
		return nil, errors.New("data: the plan is nil")
	}
	if p.err != nil {
		return nil, p.err
	}
	d, err := p.open()
	if err != nil {
		return nil, err
	}
	if d, err = p.filter().Apply(d); err != nil {
		return nil, err
	}
	split := p.split
	if split == nil {
		if split, err = splitterOf("", d); err != nil {
			return nil, err
		}
	}
	if d, err = ApplySplit(d.noteValues(), split); err != nil {
		return nil, err
	}
	if d, err = p.held.Apply(d); err != nil {
		return nil, &SettingError{"held", err}
	}
	if d, err = d.fitted(); err != nil {
		return nil, err
	}
	made := *d
	made.Made = p.Config
	return &made, nil
}

// splitterOf returns the split that text denotes; of "", the usual one of d.
func splitterOf(text string, d *Dataset) (Splitter, error) {
	switch {
	case text != "":
	case d.Given:
		text = "given"
	case d.Text:
		text = TextSplit
	case d.Places:
		text = OrderedSplit
	case d.Points != nil:
		text = PointSplit
	default:
		text = DefaultSplit
	}
	return ParseSplit(text)
}
