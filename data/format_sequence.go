package data

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// The files of SASRec's, BERT4Rec's and S3-Rec's successors: one line per user, "user
// item item …", whose order is that of time. It has the same lines as lightgcn, of which
// the order says nothing, so that it is never recognised: whoever has such a file says so.
// A user's later lines, and later files, go on where the earlier ones end.
//
// Ids are any text without blanks. Of numbers from 1 that need not be said: an id that no
// line has is no item. With ids=from1 they are held to be that, users 1 to the number of
// users and items 1 to the number of items, as the publishers' own programs take them: item
// i is row i − 1 of the class vectors, and a file that has lost lines, or ids of two kinds, is
// an error and no other data set.
func init() {
	Register(Format{
		Name: "sequence",
		Doc: "one line per user, `user item item …` in the order of time, repeats kept; ids are any text, or with ids=from1 numbers from 1 without gaps; " +
			"never recognised: ask for it by name",
		Example: "ann 5\nbob x\nann 3\n",
		Params: []Param{
			{Name: "ids", Doc: "any text, or from1: whole numbers that count from 1, each in some line", Choices: registry.Enum("any", "from1"), DefaultString: "any"},
		},
		Sniff: func([][]byte) bool { return false },
		Read: func(v Values, in *Input, out *Collector) error {
			out.Has(false, true)
			if v.String("ids") == "from1" {
				return readFrom1(in, out)
			}
			return readSequence(in, out)
		},
		Least: len(" i"),
		Ext:   ".txt",
		Write: writeSequence,
	})
}

// writeSequence writes a line for each user who has events in the part that x is, in their
// order, those of all parts where it is none alone.
func writeSequence(w *bufio.Writer, d *Dataset, x *Interactions) error {
	if d.Histories == nil {
		return fmt.Errorf("format sequence holds the order of events, and %s has no times: %s", d.Name, cmp.Or(d.timeless, "no file has a column of them"))
	}
	part := slices.IndexFunc(slices.Collect(partSets(d)), func(y *Interactions) bool { return y == x })
	h := d.Histories
	for u := range d.Users {
		line := ""
		for p := h.ptr[u]; p < h.ptr[u+1]; p++ {
			if part >= 0 && int(h.part(p)) != part {
				continue
			}
			item := d.ItemName(int(h.item[p]))
			if _, here := slices.BinarySearch(x.ItemsOf(u), h.item[p]); !here {
				return fmt.Errorf("user %q has item %q in %s and, as a pair, in another part: what files of sequences have in several parts is read as that of the first; write the whole set, and split it where it is read",
					d.UserName(u), item, partNames[part])
			}
			if line == "" {
				line = d.UserName(u)
				if err := wantNoBlank("user", line); err != nil {
					return err
				}
				w.WriteString(line)
			}
			if err := wantNoBlank("item", item); err != nil {
				return err
			}
			w.WriteByte(' ')
			w.WriteString(item)
		}
		if line != "" {
			if err := w.WriteByte('\n'); err != nil { // which those before have left
				return err
			}
		}
	}
	return nil
}

// wantNoBlank returns an error of an id that would be two.
func wantNoBlank(what, id string) error {
	if strings.ContainsAny(id, " \t") {
		return fmt.Errorf("the %s %q holds a blank, which is between ids in format sequence; write csv", what, id)
	}
	return nil
}

func readSequence(in *Input, out *Collector) error {
	for in.Next() {
		user, rest := cutField(in.Line())
		for {
			var item []byte
			if item, rest = cutField(rest); len(item) == 0 {
				break
			}
			if err := out.AddNext(user, item); err != nil {
				return in.Errorf("%w", err)
			}
		}
	}
	return in.Err()
}

// readFrom1 is readSequence of numbers that count from 1. A line of a user alone is a user
// without events.
func readFrom1(in *Input, out *Collector) error {
	for in.Next() {
		head, rest := cutField(in.Line())
		u, err := out.from1(in, "user", head)
		if err == nil {
			err = out.AddUser(u)
		}
		if err != nil {
			return in.Errorf("%w", err)
		}
		for {
			var item []byte
			if item, rest = cutField(rest); len(item) == 0 {
				break
			}
			i, err := out.from1(in, "item", item)
			if err == nil {
				err = out.addNextIndex(u, i)
			}
			if err != nil {
				return in.Errorf("%w", err)
			}
		}
	}
	return in.Err()
}

// withoutFrom1 ends the errors of ids that do not count from 1.
const withoutFrom1 = "where ids count from 1 without gaps (ids=from1); without that setting they are any text"

// from1 reads an id of a file whose ids count from 1, and keeps where the largest is.
func (c *Collector) from1(in *Input, what string, field []byte) (int32, error) {
	n, err := rowNumber(field)
	if err == nil && n == 0 {
		err = &idError{shorten(field), "is below 1"}
	}
	if err != nil {
		return 0, fmt.Errorf("%s %w, %s", what, err, withoutFrom1)
	}
	if c.tally != nil {
		return n, nil
	}
	c.ids.from1 = true
	t := &c.ids.user
	if what == "item" {
		t = &c.ids.item
	}
	if n > t.max {
		t.last = LineError{File: in.file, Line: in.line}
	}
	return n, nil
}

// noGaps returns an error, of where the largest is, unless ids that count from 1 have no
// gaps.
func (t *idTables) noGaps(parts [3]*Collector) error {
	if !t.from1 {
		return nil
	}
	t.endUser()
	var users, items [][]int32
	for _, c := range parts {
		users, items = append(users, c.user), append(items, c.item)
	}
	return errors.Join(t.user.gap("user", append(users, t.alone)), t.item.gap("item", items))
}

// gap returns an error that names the first number from 1 to the largest that is in no
// list.
func (t *idTable) gap(what string, lists [][]int32) error {
	n := 0
	for _, list := range lists {
		n += len(list)
	}
	// Of n ids one of the first n+1 numbers is missing: no table of all numbers is needed.
	seen := make([]bool, min(int(t.max), n+1)+1)
	for _, list := range lists {
		for _, id := range list {
			if int(id) < len(seen) {
				seen[id] = true
			}
		}
	}
	for id, ok := range seen {
		if !ok && id > 0 {
			fault := t.last
			fault.Err = fmt.Errorf("%s %d is the largest and no line has %s %d, %s", what, t.max, what, id, withoutFrom1)
			return &fault
		}
	}
	return nil
}
