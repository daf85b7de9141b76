package data

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever the bytes, a reader returns a valid set or an error.
func FuzzOpen(f *testing.F) {
	for _, format := range Formats() {
		f.Add([]byte(format.Example))
		f.Add([]byte("\xef\xbb\xbf" + strings.ReplaceAll(format.Example, "\n", "\r\n\r\n")))
		f.Add([]byte(format.Example[:len(format.Example)/2]))
	}
	for _, text := range []string{"", "\n", "0", "0 0\x00", "1::", "::::", ",", "user,item\n\"", ":\t:", "user:token\titem:token\n\t", "\x1f\x8b\x08\x00", "2147483646 2147483646", "-1 1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		names := []string{"", "sequence:ids=from1", "text:document=block,vocab=2"} // the first: by content
		for _, format := range Formats() {
			names = append(names, format.Name)
		}
		for _, name := range names {
			c := &Collector{ids: newIDTables()}
			read, err := readFrom("fuzz", bytes.NewReader(text), name, c)
			if err != nil || read == nil {
				continue
			}
			parts := [3]*Collector{c, {ids: c.ids}, {ids: c.ids}}
			if c.ids.noGaps(parts) != nil {
				continue
			}
			d, err := build(c.ids, parts)
			if err != nil {
				continue
			}
			if d.Text { // what a split makes of it is what is read
				require.NoError(t, d.Histories.validate(d.Users, d.Items))
				if d, err = ApplySplit(d, tokens{[3]float64{0.5, 0.25, 0.25}}); err != nil {
					continue
				}
				require.NoError(t, d.Contexts().Validate())
				_, err := HistoriesFrom(d.Users, d.Items, d.Histories.ptr, d.Histories.item, d.Histories.mark)
				require.NoError(t, err)
				for u := range d.Users {
					require.Greater(t, len(d.Histories.Of(u)), 0)
				}
			}
			requireCSR(t, d.Train)
			require.True(t, d.UserIDs == nil || len(d.UserIDs) == d.Users)
		}
	})
}

// Whatever the bytes and what is said of columns, a reader returns a valid set or an error.
func FuzzColumns(f *testing.F) {
	f.Add([]byte("Nutzer;Artikel;Note\n1;'a;b';5\n"), "user=Nutzer,item=2,rating=Note", ";", "'", "yes")
	f.Add([]byte("a  x\t5 10\nb y 1 2\n"), "user=1,item=2,rating=3,time=4", "blanks", "", "no")
	f.Add([]byte("a::x\nb::y\n"), "user=1,item=2", "::", "none", "")
	f.Add([]byte("{\"u\": {\"i.d\": 1}, \"i\": \"x\"}\n"), "user=u.i.d,item=i,time=none", "", "", "")
	f.Add([]byte(exampleParquet), "user=item_id,item=1,rating=none", "", "", "")
	f.Fuzz(func(t *testing.T, text []byte, columns, sep, quote, header string) {
		p, err := (Config{Source: "fuzz", Columns: columns, Sep: sep, Quote: quote, Header: header}).Plan()
		if err != nil {
			return
		}
		again, err := p.Config.Plan()
		require.NoError(t, err, "a canonical text is read")
		require.Equal(t, p.layout, again.layout)
		in, err := newInput("fuzz", bytes.NewReader(text))
		if err != nil {
			return
		}
		in.layout = p.layout
		format, err := recognise([]*Input{in}, readAs{}, p.layout)
		if format.Spec == nil || err != nil {
			return
		}
		c := &Collector{ids: newIDTables(), in: in}
		if format.Spec.Read(format.Values, in, c) != nil {
			return
		}
		d, err := build(c.ids, [3]*Collector{c, {ids: c.ids}, {ids: c.ids}})
		if err != nil {
			return
		}
		requireCSR(t, d.Train)
		require.True(t, d.UserIDs == nil || len(d.UserIDs) == d.Users)
	})
}

// readFrom reads the text r of one file into out and returns the format it took;
// name chooses the format, "" by content. Of a blank file it is nil.
func readFrom(file string, r io.Reader, name string, out *Collector) (*Format, error) {
	in, err := newInput(file, r)
	if err != nil {
		return nil, err
	}
	var named readAs
	if name != "" {
		if named, err = formats.Parse(name); err != nil {
			return nil, err
		}
	}
	format, err := recognise([]*Input{in}, named, layout{})
	if format.Spec == nil || err != nil {
		return nil, err
	}
	out.in = in
	return format.Spec, format.Spec.Read(format.Values, in, out)
}
