package data

import (
	"fmt"
	"strings"
)

// Text is running text in memory: what a program has in place of files that the format text
// reads.
type Text struct {
	Name string // of the dataset

	// Documents, each of lines with words between blanks. Train holds all of them where Valid
	// and Test are nil.
	Train, Valid, Test []string

	Vocabulary int // how many of the commonest words of train are classes; 0 is all
}

// FromText returns the dataset of a text in memory, split by the split's text; "" is given where
// there are valid or test documents, else TextSplit. What the same text in files would be, it is,
// but for the names of documents, which are a part's name and a number from 1.
func FromText(t Text, split string) (*Dataset, error) {
	ids := newIDTables()
	var parts [3]*Collector
	for p, documents := range [3][]string{t.Train, t.Valid, t.Test} {
		c := &Collector{ids: ids}
		parts[p] = c
		c.Vocabulary(t.Vocabulary)
		for i, text := range documents {
			if err := c.addText(fmt.Sprintf("%s:%d", partNames[p], i+1), text); err != nil {
				return nil, fmt.Errorf("data: %s: %s document %d: %w", t.Name, partNames[p], i+1, err)
			}
		}
	}
	if t.Vocabulary < 0 {
		return nil, fmt.Errorf("data: %s: a vocabulary of %d words", t.Name, t.Vocabulary)
	}
	if len(parts[0].item) == 0 {
		return nil, fmt.Errorf("data: %s has no train words", t.Name)
	}
	return fromMemory(t.Name, ids, parts, split, len(t.Valid)+len(t.Test) > 0)
}

// fromMemory is what parts hold, which no file does, divided by the split's text; given says that
// they are splits already.
func fromMemory(name string, ids *idTables, parts [3]*Collector, split string, given bool) (*Dataset, error) {
	d, err := build(ids, parts)
	if err != nil {
		return nil, fmt.Errorf("data: %s: %w", name, err)
	}
	d.Name, d.Format, d.Given = EscapeID(name), MemorySource, given
	divide, err := splitterOf(split, d)
	if err != nil {
		return nil, err
	}
	if d, err = ApplySplit(d, divide); err != nil {
		return nil, err
	}
	d.Made = Config{Source: MemorySource, Split: d.Split}
	return d, nil
}

// addText adds a document.
func (c *Collector) addText(name, text string) error {
	if err := c.BeginDocument(name); err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		for word := range strings.FieldsSeq(line) {
			if err := c.AddToken([]byte(word)); err != nil {
				return err
			}
		}
		if err := c.AddToken([]byte(EndOfLine)); err != nil {
			return err
		}
	}
	return nil
}
