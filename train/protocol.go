package train

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/internal/registry"
)

// The choices of TrainConfig.On and EvalConfig.Mask.
const (
	TrainSet = "train"
	BothSets = "train+valid"
	NoMask   = "none"
)

// OnChoices lists the choices of TrainConfig.On.
func OnChoices() []string { return []string{TrainSet, BothSets} }

// MaskChoices lists the choices of EvalConfig.Mask.
func MaskChoices() []string { return []string{BothSets, TrainSet, NoMask} }

// CheckMask returns an error that lists the choices of EvalConfig.Mask unless text is one
// of them.
func CheckMask(text string) error { return oneOf("mask", text, MaskChoices()) }

func oneOf(what, text string, choices []string) error {
	if !slices.Contains(choices, text) {
		return fmt.Errorf("unknown %s %q%s", what, text, registry.Offer(text, choices))
	}
	return nil
}

// A ProtocolSpec is a way to train and to measure that publications share: a name for
// what data.split, train.on, eval.mask and eval.items are. Numbers of one protocol on
// one split compare; those of two do not.
type ProtocolSpec struct {
	Name, Doc, Source string // registry key, one line, and whose it is

	On, Mask, Items string // what it fixes
	Split           string // what data.split is unless given; "": its usual default
	Splits          string // in words: the splits that it is of

	of    func(split string) bool // whether it is of a split, by the split's canonical text
	valid bool                    // whether it needs a valid part
}

var protocols = registry.NewRegistry[ProtocolSpec]("train", "protocol")

// Protocols returns the protocols, sorted by name.
func Protocols() []*ProtocolSpec { return protocols.All() }

// ProtocolsOf returns the names of the protocols that are of the split of a set.
func ProtocolsOf(set *data.Dataset) (names []string) {
	for _, s := range Protocols() {
		if s.refuseSet(set) == nil {
			names = append(names, s.Name)
		}
	}
	return names
}

func init() {
	for _, s := range []ProtocolSpec{
		{
			Name:   "lightgcn",
			Doc:    "train on the whole published train file, a valid part of it included; leave only what was trained on out of the ranking of test",
			Source: "Wang et al. (SIGIR 2019), He et al. (SIGIR 2020) and github.com/gusye1234/LightGCN-PyTorch",
			On:     BothSets, Mask: TrainSet, Items: AllItems, Split: "given",
			Splits: "given, with valid=FRACTION or hold=FRACTION for the runs that choose settings",
			of:     func(split string) bool { return split == "given" || strings.HasPrefix(split, "given:") },
		},
		{
			Name:   "bars",
			Doc:    "train on the train file alone; leave only that out of the ranking of test, so that items of a valid file are wrong candidates there",
			Source: "Mao et al. (CIKM 2021), Zhu et al. (SIGIR 2022) and github.com/reczoo/BARS",
			On:     TrainSet, Mask: TrainSet, Items: AllItems, Split: "given",
			Splits: "given",
			of:     func(split string) bool { return split == "given" },
		},
		{
			Name:   "irb-hold",
			Doc:    "hold max(⌊0.1·m⌋,1) of a user's m train items out as valid; the ranking of test leaves out the others, and the held items stay as wrong candidates",
			Source: "Yang et al. (NeurIPS 2024; KDD 2025) and github.com/Tiny-Snow/IR-Benchmark",
			On:     TrainSet, Mask: TrainSet, Items: AllItems, Split: "given:hold=0.1,seed=1",
			Splits: "given:hold=0.1 with any seed",
			of:     func(split string) bool { return strings.HasPrefix(split, "given:hold=0.1,") },
		},
		{
			Name:   "recbole",
			Doc:    "80, 10 and 10 % of each user's items at random, or a source's own three parts; leave train and valid out of the ranking of test",
			Source: "Zhao et al. (CIKM 2021) and github.com/RUCAIBox/RecBole",
			On:     TrainSet, Mask: BothSets, Items: AllItems,
			Splits: "ratio:0.8,0.1,0.1 with any seed, or given",
			of: func(split string) bool {
				return split == "given" || strings.HasPrefix(split, "ratio:0.8,0.1,0.1,")
			},
			valid: true,
		},
		{
			Name:   "leave-one-out",
			Doc:    "each user's last item to test, the one before to valid; all items are ranked, those of train and valid left out",
			Source: "Kang, McAuley (ICDM 2018), ranked in full as Krichene, Rendle (KDD 2020) ask for",
			On:     TrainSet, Mask: BothSets, Items: AllItems, Split: "leave-one-out:seed=1",
			Splits: "leave-one-out with any seed",
			of:     func(split string) bool { return strings.HasPrefix(split, "leave-one-out:") },
		},
	} {
		protocols.Add(s.Name, nil, s, nil)
	}
}

// LookupProtocol returns the protocol of that name; the error of an unknown one lists
// the choices.
func LookupProtocol(name string) (*ProtocolSpec, error) { return protocols.Lookup(name) }

// readProtocol reads what is trained on and how test is ranked: by the protocol's name,
// whose parts may be given beside it as far as they agree, or part by part.
func (p *Plan) readProtocol() {
	d := &p.Config
	if d.Protocol != "" {
		spec, err := LookupProtocol(d.Protocol)
		if p.fault("protocol", err); err == nil {
			p.protocol = spec
			set(&d.Data.Split, spec.Split)
			for _, part := range []struct {
				path  string
				value *string
				fixed string
			}{{"train.on", &d.Train.On, spec.On}, {"eval.mask", &d.Eval.Mask, spec.Mask}, {"eval.items", &d.Eval.Items, spec.Items}} {
				set(part.value, part.fixed)
				p.check("protocol", *part.value == part.fixed, "%s has %s=%s, and %s=%s contradicts it; leave out one of the two, or the protocol's name and give its parts",
					spec.Name, part.path, part.fixed, part.path, *part.value)
			}
		}
	}
	set(&d.Train.On, TrainSet)
	set(&d.Eval.Mask, BothSets)
	set(&d.Eval.Items, WarmItems)
	p.fault("train.on", oneOf("training set", d.Train.On, OnChoices()))
	p.fault("eval.mask", CheckMask(d.Eval.Mask))
	p.fault("eval.items", CheckItems(d.Eval.Items))
	if d.Train.On != BothSets {
		return
	}
	// What follows would be about a valid set that there is not.
	const none = "train.on=train+valid leaves no valid set to measure; leave it out, and fix train.epochs by what a run on train alone found"
	p.check("train.patience", !d.Train.StopsEarly(), none)
	p.check("train.monitor", d.Train.Monitor == "", none)
	p.check("eval.every", d.Eval.Every == 0, none)
}

// checkSplit reports a split that contradicts the protocol; the canonical text is in
// place.
func (p *Plan) checkSplit() {
	if p.protocol != nil && p.Given.Data.Split != "" {
		p.fault("protocol", p.protocol.refuse(p.Config.Data.Split))
	}
}

// refuse returns an error unless the protocol is of a split.
func (s *ProtocolSpec) refuse(split string) error {
	if s.of(split) {
		return nil
	}
	return fmt.Errorf("%s is of the split %s, and data.split=%s contradicts it; leave out one of the two, or the protocol's name and give its parts", s.Name, s.Splits, named(split))
}

// refuseSet returns an error unless the protocol is of how a set is split.
func (s *ProtocolSpec) refuseSet(set *data.Dataset) error {
	if err := s.refuse(set.Split); err != nil {
		return err
	}
	if set.Points != nil {
		return fmt.Errorf("%s is of interactions, and the users of %s are points with labels; leave it out", s.Name, set.Name)
	}
	if s.valid && set.Valid.Len() == 0 {
		return fmt.Errorf("%s has a valid part, and %s has none by the split %s; choose another protocol, or give its parts", s.Name, set.Name, set.Split)
	}
	return nil
}

// named is the text of a split, or words where it has none.
func named(split string) string { return cmp.Or(split, "of no name") }

// SetOf returns what a run of p learns from and is measured on: set itself, or with
// valid joined to train where train.on says so. A set whose split contradicts the
// protocol is an error. SetOf of what it returned is that.
func (p *Plan) SetOf(set *data.Dataset) (*data.Dataset, error) {
	if p == nil {
		return nil, errors.New("train: a plan that Config.Plan did not make")
	}
	if err := set.Validate(); err != nil {
		return nil, err
	}
	if p.protocol != nil {
		if err := p.protocol.refuseSet(set); err != nil {
			return nil, fmt.Errorf("train: protocol: %w", err)
		}
	}
	if p.Config.Train.On == BothSets {
		return set.JoinValid()
	}
	return set, nil
}

// A Protocol is what numbers on a dataset are of: a protocol's name, where they have
// one, and its parts.
type Protocol struct {
	Name  string `json:"name,omitempty"`  // of a ProtocolSpec
	Split string `json:"split"`           // canonical text; "" of a set without
	On    string `json:"train_on"`        // of OnChoices
	Mask  string `json:"mask"`            // of MaskChoices
	Items string `json:"items"`           // of ItemsChoices
	Users string `json:"users,omitempty"` // of UsersChoices, where users are held out of training
}

// String returns the name, if there is one, and the parts:
// "recbole (split given, train.on=train, eval.mask=train+valid, eval.items=all)".
func (p Protocol) String() string {
	parts := fmt.Sprintf("split %s, train.on=%s, eval.mask=%s, eval.items=%s", named(p.Split), p.On, p.Mask, p.Items)
	if p.Users != "" {
		parts += ", users=" + p.Users
	}
	if p.Name != "" {
		return p.Name + " (" + parts + ")"
	}
	return parts
}

// ProtocolOn returns what the numbers of p on set are of.
func (p *Plan) ProtocolOn(set *data.Dataset) Protocol {
	c := p.Config
	return Protocol{Name: c.Protocol, Split: set.Split, On: c.Train.On, Mask: maskOf(set, c.Eval.Mask), Items: c.Eval.Items, Users: usersOf(set, "")}
}

// maskOf returns the mask of rankings on a set: of running text nothing is left out, whatever
// is asked for.
func maskOf(set *data.Dataset, mask string) string {
	if set.Text {
		return NoMask
	}
	return mask
}

// usersOf returns whose rankings of a set are measured where users says so, "" where
// nobody is held out of training and the question does not come up.
func usersOf(set *data.Dataset, users string) string {
	if set.Known == nil {
		return ""
	}
	return cmp.Or(users, TrainedUsers)
}

// ProtocolOn returns what the numbers of t on set are of. They have the name that Plan
// has unless Items or Mask have been changed since.
func (t *Recommender) ProtocolOn(set *data.Dataset) Protocol {
	p := Protocol{Split: set.Split, On: TrainSet, Mask: maskOf(set, t.mask()), Items: t.items(), Users: usersOf(set, t.Users)}
	if t.Plan != nil {
		p.On = t.Plan.Config.Train.On
		if q := t.Plan.ProtocolOn(set); q.Mask == p.Mask && q.Items == p.Items {
			p.Name = q.Name
		}
	}
	return p
}

// Measure has t measured by a protocol from now on, whatever it was trained for, on set.
// A protocol that trains on something else than t was trained on, or that is of another
// split, is an error: its numbers are those of another model.
func (t *Recommender) Measure(protocol string, set *data.Dataset) error {
	spec, err := LookupProtocol(protocol)
	if err != nil {
		return err
	}
	if t.Plan == nil {
		return errors.New("train: what Fit made was trained on examples, not on a split that a protocol is of")
	}
	if on := t.Plan.Config.Train.On; on != spec.On {
		return fmt.Errorf("train: protocol %s has train.on=%s, and the model was trained with train.on=%s: train another one, or give mask and items alone", spec.Name, spec.On, on)
	}
	if err := set.Validate(); err != nil {
		return err
	}
	if err := spec.refuseSet(set); err != nil {
		return fmt.Errorf("train: protocol: %w", err)
	}
	p := *t.Plan
	p.protocol, p.Config.Protocol, p.Config.Eval.Mask, p.Config.Eval.Items = spec, spec.Name, spec.Mask, spec.Items
	t.Plan, t.Mask, t.Items = &p, spec.Mask, spec.Items
	return nil
}
