package data

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fenchel-ml/fenchel/internal/needs"
)

// loadText loads files as running text.
func loadText(t *testing.T, files map[string]string, format, split string) (*Dataset, error) {
	dir := write(t, files)
	if len(files) == 1 {
		for name := range files {
			dir = filepath.Join(dir, name)
		}
	}
	return Load(Config{Source: dir, Format: format, Split: split})
}

// spell returns the words of document u.
func spell(d *Dataset, u int) string {
	var words []string
	for _, i := range d.Histories.Of(u) {
		words = append(words, d.ItemName(int(i)))
	}
	return strings.Join(words, " ")
}

// ofTextAlone reports whether a split is of running text alone, as TestTextSplits has it.
func ofTextAlone(t *testing.T, k *SplitKind, s Splitter) bool {
	_, ok := s.(textSplitter)
	require.Equal(t, k.Text, ok)
	if !ok || k.Name == "given" {
		return false
	}
	_, _, _, err := s.Split(&Dataset{Users: 1, Items: 1})
	require.Error(t, err)
	return true
}

// documentsOf returns all documents, by name.
func documentsOf(d *Dataset) map[string]string {
	all := map[string]string{}
	for u := range d.Users {
		all[partNames[d.Histories.part(d.Histories.ptr[u])]+" "+d.UserName(u)] = spell(d, u)
	}
	return all
}

// TestTextOfThreeFiles: each file is a document of its part, its lines end in <eos>, blank ones
// too, and the vocabulary is that of train, ties by text.
func TestTextOfThreeFiles(t *testing.T) {
	files := map[string]string{
		"wiki.train.tokens": "b a b\n\n a c d d\n",
		"wiki.valid.tokens": "a z\n",
		"wiki.test.tokens":  "c b \td",
	}
	d, err := loadText(t, files, "text:vocab=4", "")
	require.NoError(t, err)
	require.True(t, d.Text)
	require.Equal(t, "given", d.Split)
	// <eos> three times, then a, b and d twice: c is outside.
	require.Equal(t, []string{"<eos>", "<unk>", "a", "b", "d"}, d.ItemIDs)
	require.Equal(t, map[string]string{
		"train wiki.train.tokens": "b a b <eos> <eos> a <unk> d d <eos>",
		"valid wiki.valid.tokens": "a <unk> <eos>",
		"test wiki.test.tokens":   "<unk> b d <eos>",
	}, documentsOf(d))
	require.Equal(t, []int32{3, 1, 2, 2, 2}, d.Positives())
	require.Equal(t, []string{"text: 17 tokens in 3 documents; the classes are the 4 commonest of the 5 words of train and <unk>, which is " +
		"10.00 % of the 10 of train, 33.33 % of the 3 of valid, 25.00 % of the 4 of test"}, d.Notes)
	require.Equal(t, 5, d.Train.Len())
	require.Empty(t, d.ColdItems())

	// Of all words of train only z is unknown, and nothing of train is.
	d, err = loadText(t, files, "text:vocab=0", "")
	require.NoError(t, err)
	require.Equal(t, []string{"<eos>", "<unk>", "a", "b", "c", "d"}, d.ItemIDs)
	require.Equal(t, []int32{1}, d.ColdItems())

	// A file's own <unk> is a word like others, which counts.
	d, err = loadText(t, map[string]string{"t": "<unk> <unk> x <unk> y <unk> x"}, "text:vocab=1", "tokens:1,0,0")
	require.NoError(t, err)
	require.Equal(t, []string{"<unk>"}, d.ItemIDs)
	require.Equal(t, 8, d.Histories.Len())
	again, err := ApplySplit(d, tokens{[3]float64{0.5, 0.5, 0}})
	require.NoError(t, err)
	require.Equal(t, []string{"<unk>"}, again.ItemIDs, "what a split has made unknown stays")
}

func TestTextSplits(t *testing.T) {
	files := map[string]string{"t.txt": "a b c\nd e f\n\ng h\n\n\ni j\n"} // 10 words, 7 line ends
	d, err := loadText(t, files, "text", "")
	require.NoError(t, err)
	require.Equal(t, TextSplit, d.Split)
	require.Equal(t, map[string]string{ // 17 · 0.8 rounded, and 17 · 0.9
		"train t.txt/train": "a b c <eos> <unk> <unk> <unk> <eos> <eos> <unk> <unk> <eos> <eos> <eos>",
		"valid t.txt/valid": "<unk>", "test t.txt/test": "<unk> <eos>",
	}, func() map[string]string {
		all := documentsOf(d)
		for name, text := range all { // which of them are words of train is not what this is about
			for w := range strings.FieldsSeq("d e f g h i j") {
				text = strings.ReplaceAll(" "+text+" ", " "+w+" ", " <unk> ")
			}
			all[name] = strings.TrimSpace(text)
		}
		return all
	}())

	d, err = loadText(t, files, "text:document=block", "documents:0.4,0.3,0.3,seed=3")
	require.NoError(t, err)
	require.Len(t, documentsOf(d), 3)
	parts := map[uint8]int{}
	for u := range d.Users {
		parts[d.Histories.part(d.Histories.ptr[u])]++
	}
	require.Equal(t, map[uint8]int{0: 1, 1: 1, 2: 1}, parts)
	require.ElementsMatch(t, []string{"t.txt:1", "t.txt:4", "t.txt:7"}, d.UserIDs)

	for _, c := range []struct{ format, split, want string }{
		{"text", "ratio:0.8,0.1,0.1", "the splits of text are documents:TRAIN,VALID,TEST[,seed=N]; given"},
		{"text", "leave-one-out", "is running text"},
		{"text", "given", "the source has no splits of its own; use one of tokens, documents"},
		{"text", "documents:0.8,0.1,0.1", "it has 1 document, and each part takes one or more"},
		{"text", "tokens:0.8,0.1", "no test fraction"},
		{"text:vocab=-1", "", "vocab"},
		{"text:document=line", "", "document"},
		{"csv", "tokens:0.8,0.1,0.1", "no"},
	} {
		_, err := loadText(t, files, c.format, c.split)
		require.ErrorContains(t, err, c.want, c)
	}
	_, err = loadText(t, map[string]string{"t.txt": "user,item\na,x\na,y\n"}, "csv", "tokens:0.8,0.1,0.1")
	require.ErrorContains(t, err, "the source is no running text, which --format text reads")
	_, err = loadText(t, map[string]string{"t.txt": "\n\n"}, "text", "")
	require.ErrorContains(t, err, "no interactions")
	least := 1.0
	source := filepath.Join(write(t, files), "t.txt")
	for _, c := range []Config{{Core: 2}, {MinRating: &least}, {Held: "0.5"}} {
		c.Source, c.Format = source, "text"
		_, err := Load(c)
		require.ErrorContains(t, err, "is running text, whose users are documents")
	}
	d, err = Load(Config{Source: source, Format: "text"})
	require.NoError(t, err)
	require.ErrorContains(t, SaveFile(filepath.Join(t.TempDir(), "x.csv"), "csv", d), "is running text")
	require.ErrorContains(t, SaveDir(filepath.Join(t.TempDir(), "x"), "csv", false, d), "is running text")
	_, err = d.JoinValid()
	require.NoError(t, err)
}

// TestTasksOfText: every word that another precedes is an example once, in training and in
// evaluation, whatever the task; what comes before it is a view of the one text; nothing is
// left out of rankings.
func TestTasksOfText(t *testing.T) {
	d, err := loadText(t, map[string]string{"train.txt": "a b c a\nb\n\nd d\n", "valid.txt": "a b\n\nc\n", "test.txt": "d\n"}, "text:document=block", "")
	require.NoError(t, err)
	for _, text := range []string{"window:n=2", "window:n=2,side=both", "last:len=2", "next:len=2", "next:len=3,stride=1"} {
		task := taskOf(t, text)
		train, err := task.ExamplesOf(d)
		require.NoError(t, err)
		require.NoError(t, train.Validate(d.Items))
		require.Empty(t, train.Seen)
		require.Equal(t, 6+2, train.Len(), text)
		past, err := train.Context.Field("history")
		require.NoError(t, err)
		require.Same(t, &d.Histories.item[0], &past.ID[0], "%s copies the text", text)
		for split, want := range map[string]int{"train": 8, "valid": 2 + 1, "test": 1} {
			ranked, err := task.RankedOf(d, split)
			require.NoError(t, err)
			require.NoError(t, ranked.Validate(d.Items))
			require.Empty(t, ranked.Seen)
			require.Equal(t, want, ranked.Len(), "%s of %s", text, split)
		}
	}
	x, err := taskOf(t, "window:n=2,side=both").ExamplesOf(d)
	require.NoError(t, err)
	var rows []string
	for i, r := range x.Row {
		row := []string{}
		for _, name := range []string{"history", "following"} {
			f, err := x.Context.Field(name)
			require.NoError(t, err)
			ids, _ := f.Row(int(r))
			var words []string
			for _, id := range ids {
				words = append(words, d.ItemName(int(id)))
			}
			row = append(row, strings.Join(words, " "))
		}
		rows = append(rows, fmt.Sprintf("%s|%s|%s", row[0], d.ItemName(int(x.Targets.Row(i)[0])), row[1]))
	}
	require.Equal(t, []string{
		"a|b|c a", "a b|c|a <eos>", "b c|a|<eos> b", "c a|<eos>|b <eos>", "a <eos>|b|<eos>", "<eos> b|<eos>|",
		"d|d|<eos>", "d d|<eos>|",
	}, rows)

	x, err = taskOf(t, "skipgram:n=1").RankedOf(d, "valid")
	require.NoError(t, err)
	require.NoError(t, x.Validate(d.Items))
	rows = nil
	for i, r := range x.Row {
		rows = append(rows, d.ItemName(int(r))+">"+d.ItemName(int(x.Targets.Row(i)[0])))
	}
	require.Equal(t, []string{"a>b", "b>a", "b><eos>", "<eos>>b", "c><eos>", "<eos>>c"}, rows)
	frame, err := taskOf(t, "skipgram").Contexts(d, 1)
	require.NoError(t, err)
	require.Equal(t, d.Items, frame.Rows)

	pairs, err := loadText(t, map[string]string{"t": "user,item,time\na,x,1\na,y,2\nb,x,1\nb,y,2\n"}, "csv", "ratio:1,0,0")
	require.NoError(t, err)
	x, err = taskOf(t, "window:n=1").ExamplesOf(pairs)
	require.NoError(t, err)
	require.Equal(t, 2, x.Len())
	for _, text := range []string{"skipgram", "window:side=both"} {
		_, err = taskOf(t, text).ExamplesOf(pairs)
		require.ErrorContains(t, err, "running text, which --format text reads", text)
	}
}

// TestTextOfTheShelf: the counts of a published set are those of its publisher, with <eos> for
// every line.
func TestTextOfTheShelf(t *testing.T) {
	path := filepath.Join("..", "..", "shared", "data", "text", "wikitext2-valid.txt.gz")
	needs.Data(t, path)
	d, err := Load(Config{Source: path, Format: "text"})
	require.NoError(t, err)
	require.Equal(t, 217646, d.Histories.Len())
	require.Equal(t, 10000, d.Items)
	require.LessOrEqual(t, float64(d.Histories.bytes()), 5.1*217646, "four bytes a token, and its part")
}

// TestFromText: a text in memory is what it is in files.
func TestFromText(t *testing.T) {
	files := map[string]string{"train.txt": "a b c a\nb\n\nd d", "valid.txt": "a b\n", "test.txt": "d e\n"}
	want, err := loadText(t, files, "text:vocab=3", "")
	require.NoError(t, err)
	got, err := FromText(Text{Name: "memory", Train: []string{files["train.txt"]}, Valid: []string{files["valid.txt"]}, Test: []string{files["test.txt"]}, Vocabulary: 3}, "")
	require.NoError(t, err)
	require.Equal(t, want.Hash(), got.Hash())
	require.Equal(t, want.ItemIDs, got.ItemIDs)
	require.Equal(t, []string{"train:1", "valid:1", "test:1"}, got.UserIDs)
	require.Equal(t, Config{Source: MemorySource, Split: "given"}, got.Made)
	whole, err := FromText(Text{Name: "memory", Train: []string{files["train.txt"]}}, "")
	require.NoError(t, err)
	require.Equal(t, TextSplit, whole.Split)
	for _, bad := range []Text{{Train: []string{""}}, {}, {Train: []string{"a"}, Vocabulary: -1}} {
		_, err = FromText(bad, "")
		require.Error(t, err)
	}
	_, err = FromText(Text{Train: []string{"a b"}}, "ratio:0.8,0.1,0.1")
	require.ErrorContains(t, err, "is running text")
}
