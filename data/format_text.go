package data

import (
	"bytes"
	"path/filepath"
	"strconv"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// The tokens that a text has beside its words.
const (
	EndOfLine = "<eos>" // follows the words of each line
	Unknown   = "<unk>" // stands for a word that is outside the vocabulary
)

// Running text: tokens between blanks, and EndOfLine after those of each line, as the
// language modelling sets that came after Penn Treebank are counted. Users are documents
// and items are words, whose order and repeats are all there is: see [Dataset.Text]. Any file
// is text, so that it is never recognised. A token that a file spells "<eos>" or "<unk>" is that one.
func init() {
	Register(Format{
		Name: "text",
		Doc: "running text: words between blanks, and " + EndOfLine + " after those of each line; users are documents and items are words; " +
			"never recognised: ask for it by name",
		Example: "the cat\nthe\ncat\n",
		Params: []Param{
			{Name: "vocab", Doc: "how many of the commonest words of train are classes, ties by their texts, the others being " + Unknown + "; 0 is all", Default: 10000, Min: 0, Max: 1 << 30, Integer: true, Probe: []float64{2}},
			{Name: "document", Doc: "what a document is: a file, whose blank lines are lines too, or a block of lines between blank ones", Choices: registry.Enum("file", "block"), DefaultString: "file"},
		},
		Sniff: func([][]byte) bool { return false },
		Read:  readText,
		Least: 1, // a blank line is a token
	})
}

// readText reads the documents of a file. They are named by it, and by the line that they
// begin at where it has several.
func readText(v Values, in *Input, out *Collector) error {
	out.Vocabulary(v.Int("vocab"))
	blocks := v.String("document") == "block"
	name := trimCompression(filepath.Base(filepath.FromSlash(in.file)))
	inside := false
	for in.nextLine() {
		line := in.Line()
		if blocks && len(bytes.TrimSpace(line)) == 0 {
			inside = false
			continue
		}
		if !inside {
			inside = true
			document := name
			if blocks {
				document += ":" + strconv.Itoa(in.line)
			}
			if err := out.BeginDocument(document); err != nil {
				return in.Errorf("%w", err)
			}
		}
		for word := range bytes.FieldsSeq(line) {
			if err := out.AddToken(word); err != nil {
				return in.Errorf("%w", err)
			}
		}
		if err := out.AddToken([]byte(EndOfLine)); err != nil {
			return in.Errorf("%w", err)
		}
	}
	return in.Err()
}
