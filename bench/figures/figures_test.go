package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocuments: every figure of the documents has a reference and is what the record says,
// and every run has a record of its command and a use. go run ./bench/figures check prints the
// same.
func TestDocuments(t *testing.T) {
	root := filepath.Join("..", "..")
	b, err := readBook("manifest.yaml", "recorded")
	require.NoError(t, err)
	l, err := readLibrary(root, b)
	require.NoError(t, err)
	require.NotEmpty(t, l.figures)
	for _, f := range l.check() {
		t.Error(f)
	}
}

// tree is a small repository: a manifest of runs of a training, of a comparison and of bench,
// their records, and a document of all forms without a fault.
const tree = "testdata/tree"

const plain = "bench/figures/recorded/plain.txt"

// original returns a file of the tree.
func original(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(tree, filepath.FromSlash(name)))
	require.NoError(t, err)
	return string(text)
}

// plant makes a tree with other files in their places where the map has them, "" for none.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	require.NoError(t, os.CopyFS(root, os.DirFS(tree)))
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		if text == "" {
			require.NoError(t, os.Remove(path))
			continue
		}
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return root
}

func checkTree(t *testing.T, files map[string]string) []string {
	t.Helper()
	root := plant(t, files)
	b, err := readBook(filepath.Join(root, manifestName), filepath.Join(root, recordsName))
	require.NoError(t, err)
	if _, given := files[resultsName]; !given {
		require.NoError(t, os.WriteFile(filepath.Join(root, resultsName), []byte(b.results()), 0o644))
	}
	l, err := readLibrary(root, b)
	require.NoError(t, err)
	texts := []string{}
	for _, f := range l.check() {
		texts = append(texts, strings.ReplaceAll(strings.ReplaceAll(f.String(), root+string(filepath.Separator), ""), string(filepath.Separator), "/"))
	}
	return texts
}

func TestCheck(t *testing.T) {
	require.Empty(t, checkTree(t, nil))

	paragraph := func(text, figures string) map[string]string {
		return map[string]string{"docs/a/b.md": "First.\n\n" + text + "\n<!-- figures: " + figures + " -->\n"}
	}
	bare := func(text string) map[string]string {
		return map[string]string{"STUDY.md": text}
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"no reference":            {bare("A\nfigure .5 here\n"), []string{"STUDY.md:2: the figure .5 has no reference"}},
		"no reference in a table": {bare("| a |\n|---|\n| 2 ms |\n"), []string{"STUDY.md:3: the figure 2 ms has no reference"}},
		"no reference in a list":  {bare("- a\n- 1,000 %\n"), []string{"STUDY.md:2: the figure 1,000 % has no reference"}},
		"no reference in a head":  {bare("## 3× faster\n"), []string{"STUDY.md:1: the figure 3× has no reference"}},
		"whole numbers with it":   {bare("40, 133 and 1.4 ms\n"), []string{"the figure 40 has", "the figure 133 has", "the figure 1.4 ms has"}},
		"other units":             {bare("2x, 3 percent, 4 hours; 64x64, 5 xs, 4 × 4, C = 3 and AVX-512 s\n"), []string{"2x has", "3 percent has", "4 hours has"}},
		"before a point":          {bare("It is 2×. Then 3× 3 users, **4** ms, 1e-3; 5 × 5, § 2.1 and eq. 3.4\n"), []string{"2× has", "3× has", "4** ms has", "1e-3 has"}},
		"a column without": {bare("| a | 5 % |\n|---|---|\n| b | .5 |\n<!-- figures: - | - -->\n"), []string{
			"STUDY.md:1: the figure 5 % has no reference", "STUDY.md:3: the figure .5 has no reference"}},
		"wrong digit":        {paragraph("is .346 and .3461", "plain{recall@20;TEST} plain{recall@20;TEST}"), []string{"docs/a/b.md:3: .3461 is .3460 by plain{recall@20;TEST}"}},
		"wrong sign":         {paragraph("is .0353", "plain{recall@20;VALID}-plain{recall@20;TEST}*1"), []string{"docs/a/b.md:3: .0353 is -.0163 by"}},
		"wrong whole number": {paragraph("is 4000 ms", "plain{examples;VALID}"), []string{"4000 ms is 3000 by"}},
		"unknown run":        {paragraph("is .5", "plan{recall@20;TEST}"), []string{"has no run \"plan\" (did you mean plain?); the choices are plain, study, speed"}},
		"unknown row":        {paragraph("is .5", "plain{recall@2;TEST}"), []string{"has a row \"recall@2\" (did you mean recall@20?)"}},
		"unknown column":     {paragraph("is .5", "plain{recall@20;TEXT}"), []string{"no table has a column \"TEXT\" (did you mean TEST?); the choices are METRIC, VALID, ATTAINABLE, TEST"}},
		"unknown title":      {paragraph("is .5", "study/part 3{softmax;seeds}"), []string{"no line is \"part 3\""}},
		"several tables":     {paragraph("is .5", "study{softmax;recall@20 test}"), []string{"several tables have {softmax;recall@20 test}: 0.29978, 0.19; name the line above"}},
		"several rows":       {paragraph("is .5", "speed{step;got}"), []string{`2 rows begin with "step": name more of their cells, as in "step / faster"`}},
		"several numbers":    {paragraph("is .5", "speed{preset;min ms}"), []string{"has 4 numbers: say which, as in {preset;min ms#1}"}},
		"no such number":     {paragraph("is .5", "speed{preset;min ms#5}"), []string{"there is no #5"}},
		"empty cell":         {paragraph("is .5", "plain{examples;ATTAINABLE}"), []string{"\"\" is no number"}},
		"NaN":                {paragraph("is .5", "study{sl;recall@20 test}"), []string{".5: study{sl;recall@20 test}: the value is NaN"}},
		"NaN by a pattern":   {paragraph("is .5", `plain~cost (\S+)~`), []string{"the value is NaN"}},
		"no match":           {paragraph("is .5", `plain~price (\S+)~`), []string{"nothing matches price"}},
		"many matches":       {paragraph("is .5", `plain~@20 +(\S+)~`), []string{"2 places match"}},
		"division by zero":   {paragraph("is .5", "plain{recall@20;TEST}:plain~examples +3(0)~"), []string{"the value is +Inf"}},
		"too many":           {paragraph("is .346", "plain{recall@20;TEST} plain{recall@20;TEST}"), []string{"docs/a/b.md:4: 2 references for 1 figures: .346"}},
		"too few":            {paragraph("is .346 and .346", "plain{recall@20;TEST}"), []string{"docs/a/b.md:4: 1 references for 2 figures: .346 · .346"}},
		"no reference at all": {paragraph("is .346", "plain"), []string{
			`docs/a/b.md:4: "plain" is no reference: want RUN{ROW;COLUMN}`}},
		"open brace":     {paragraph("is .346", "plain{a;b"), []string{"does not end"}},
		"no semicolon":   {paragraph("is .346", "plain{a}"), []string{"has no semicolon"}},
		"bad pattern":    {paragraph("is .346", "plain~(~"), []string{"missing closing )"}},
		"no group":       {paragraph("is .346", "plain~a~"), []string{"has no group"}},
		"bad factor":     {paragraph("is .346", "plain{a;b}*x"), []string{`"x" is no factor`}},
		"glued":          {paragraph("is .346", "plain{a;b}plain{a;b}"), []string{"want a blank between references"}},
		"bad number":     {paragraph("is .346", "plain{a;b#0}"), []string{"is not which number of the cell"}},
		"twice":          {paragraph("is .346", "plain{recall@20;TEST} -->\n<!-- figures: plain{recall@20;TEST}"), []string{"docs/a/b.md:5: the block before has a comment of figures already"}},
		"of nothing":     {bare("<!-- figures: plain{recall@20;TEST} -->\n"), []string{"STUDY.md:1: the comment follows no paragraph"}},
		"within a line":  {bare("Text .5 <!-- figures: plain{recall@20;TEST} --> more\n"), []string{"STUDY.md:1: the comment has to have its line", "the figure .5 has no reference"}},
		"too many cells": {bare("| a |\n|---|\n| .1 .2 |\n<!-- figures: plain{recall@20;TEST} | - -->\n"), []string{"STUDY.md:4: the comment is of 2 columns, and the table has 1"}},
		"too many in a cell": {bare("| a |\n|---|\n| .346 .2 |\n<!-- figures: plain{recall@20;TEST} | -->\n"), []string{
			"STUDY.md:4: nothing stands between two bars"}},
		"a cell of more": {bare("| a | b |\n|---|---|\n| .346 .2 | |\n<!-- figures: plain{recall@20;TEST} | - -->\n"), []string{
			`STUDY.md:3: the cell ".346 .2" has 2 figures, and its column 1 references`}},
		"a cell of fewer": {bare("| a | b |\n|---|---|\n| softmax | .2998 |\n<!-- figures: - | study/part 1{$;recall@20 test} study/part 1{$;recall@20 test sd} -->\n"), []string{
			`STUDY.md:3: the cell ".2998" has 1 figures, and its column 2 references: study/part 1{softmax;recall@20 test sd} is 0.0009`}},
		"wrong in a table": {bare("| a | b |\n|---|---|\n| softmax | 4 |\n<!-- figures: - | study/part 1{$;seeds} -->\n"), []string{
			"STUDY.md:3: 4 is 3 by study/part 1{softmax;seeds}"}},
		"not in the record": {bare("<!-- output: plain -->\n```\nrecall@20  0.3298      0.3913  0.3460\n```\n"), []string{
			"STUDY.md:3: the record of plain does not have the line, or not here: recall@20  0.3298"}},
		"not in its order": {bare("<!-- output: plain -->\n```\nndcg@20    0.2751      0.3366  0.3107\nrecall@20  0.3297      0.3913  0.3460\n```\n"), []string{
			"STUDY.md:4: the record of plain does not have the line, or not here: recall@20"}},
		"output of nothing":  {bare("<!-- output: plain -->\n\nText.\n"), []string{"STUDY.md:1: no fenced block or table follows"}},
		"output at the end":  {bare("Text.\n\n<!-- output: plain -->\n"), []string{"STUDY.md:3: no fenced block or table follows"}},
		"output of whom":     {bare("<!-- output: plane -->\n```\n```\n"), []string{`STUDY.md:1: bench/figures/manifest.yaml has no run "plane"`}},
		"an endless fence":   {bare("```\n.5\n"), []string{"STUDY.md:1: the fenced block does not end"}},
		"a stale command":    {map[string]string{plain: strings.Replace(original(t, plain), "fenchel train", "fenchel train --all", 1)}, []string{"bench/figures/recorded/plain.txt: the record is of another command"}},
		"no record":          {map[string]string{plain: ""}, []string{"bench/figures/recorded/plain.txt: the run has no record"}},
		"a record of no run": {map[string]string{"bench/figures/recorded/old.txt": "command: x\n"}, []string{"bench/figures/recorded/old.txt: no run of the manifest is called so"}},
		"no machine": {map[string]string{plain: strings.Replace(original(t, plain), "machine: a processor, 2 processors, kernels go, go1.26\n", "", 1)}, []string{
			"bench/figures/recorded/plain.txt: it names no machine"}},
		"no date": {map[string]string{plain: strings.Replace(original(t, plain), "made: 2026", "made: in 2026", 1)}, []string{
			"bench/figures/recorded/plain.txt: made \"in 2026-11-28"}},
		"an empty record": {map[string]string{plain: "\n"}, []string{"bench/figures/recorded/plain.txt: it has no empty line"}},
		"no use":          {map[string]string{"README.md": "Nothing.\n"}, []string{"run plain: no figure and no block of output is of it", "run study: no figure"}},
		"old results":     {map[string]string{resultsName: "# Results\n"}, []string{"bench/RESULTS.md: it is not what the records of bench make"}},
	} {
		t.Run(name, func(t *testing.T) {
			faults := checkTree(t, c.files)
			require.Len(t, faults, len(c.want), "%q", faults)
			for i, want := range c.want {
				require.Contains(t, faults[i], want)
			}
		})
	}
}

// TestRankingsHaveNoDeviation: in a column with two references a row may have the first alone
// where its record has no second.
func TestRankingsHaveNoDeviation(t *testing.T) {
	text := "| a | b |\n|---|---|\n| pop | .1226 |\n<!-- figures: - | study{$;recall@20 test} study{$;recall@20 test sd} -->\n"
	require.Empty(t, checkTree(t, map[string]string{"examples/a/README.md": text}))
}

func TestManifestFaults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":     {"", "there are no runs"},
		"no list":   {"runs: 3", "manifest.yaml"},
		"a key":     {"runs:\n- nam: x\n", "unknown field"},
		"name":      {"runs:\n- {name: A b, about: x, command: y, tolerance: 0}\n", `"A b" is no name`},
		"twice":     {"runs:\n- {name: a, about: x, command: y, tolerance: 0}\n- {name: a, about: x, command: y, tolerance: 0}\n", "the name is given twice"},
		"about":     {"runs:\n- {name: a, command: y, tolerance: 0}\n", "about says nothing"},
		"command":   {"runs:\n- {name: a, about: x, tolerance: 0}\n", "there is no command"},
		"tolerance": {"runs:\n- {name: a, about: x, command: y}\n", `tolerance ""`},
		"NaN":       {"runs:\n- {name: a, about: x, command: y, tolerance: NaN}\n", `tolerance "NaN"`},
		"negative":  {"runs:\n- {name: a, about: x, command: y, tolerance: -1%}\n", `tolerance "-1%"`},
	} {
		t.Run(name, func(t *testing.T) {
			root := plant(t, map[string]string{manifestName: c.text + "\n"})
			_, err := readManifest(filepath.Join(root, manifestName))
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestRecordRoundTrip: a record is read as it was written, whatever its command.
func TestRecordRoundTrip(t *testing.T) {
	for _, command := range []string{"a", "a\nb", "a\n  b\n\nc", "machine: x\nmade: y"} {
		r := &record{command: command, machine: "m", made: "2026-11-28 at x in 1 s", text: "out\n\nmore\n"}
		got, err := parseRecord(string(r.bytes()))
		require.NoError(t, err)
		require.Equal(t, r, got)
	}
}

func TestNumeral(t *testing.T) {
	for _, c := range []struct {
		text  string
		value float64
		want  string
	}{
		{".28", .2886, ".29"}, {"0.2886", .28865, "0.2887"}, {"12", 3.6, "4"}, {"1,217", 12345.6, "12,346"}, {"999", 12345.6, "12,346"},
		{"-.01", .021, "+.02"}, {"−.01", -.021, "−.02"}, {"+.01", -.021, "-.02"}, {".01", -.021, "-.02"}, {"-.0000", -1e-9, "-.0000"},
		{"6.8e-13", 7.26e-9, "7.3e-09"}, {"1.5", 0, "0.0"}, {"79.4", 132, "132.0"},
	} {
		require.Equal(t, c.want, numeral{c.text}.write(c.value), c.text)
	}
	require.True(t, numeral{"-.0000"}.is(1e-9))
	require.True(t, numeral{"6.8e-13"}.is(6.81e-13))
	require.False(t, numeral{".0353"}.is(-.0353))
}

// TestWrite: what is written is what check asks for, in the format that the documents have.
func TestWrite(t *testing.T) {
	old := strings.NewReplacer(".3460 and .275,", ".9 and .123456,", "-.0709 off", "-.0001 off", "1.83×", "9.9×", "15 to 79 ms", "1 to 2 ms", "1,217 MB", "3 MB",
		".2998 ± .0009", ".1 ± .2", "temperature 0.1268\n```", "temperature 0.5\n```", "recall@20  0.3297 ", "recall@20  9.3297 ").Replace(original(t, "README.md"))
	root := plant(t, map[string]string{"README.md": old})
	var out, log bytes.Buffer
	require.Equal(t, exitFault, command(t.Context(), []string{"check", "-dir", root}, &out, &log))
	out.Reset()
	require.Equal(t, exitOK, command(t.Context(), []string{"write", "-dir", root}, &out, &log), "%s%s", &out, &log)
	require.Contains(t, out.String(), "README.md: 11 figures and lines are new\nbench/RESULTS.md is new\n")
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	require.Equal(t, strings.NewReplacer(".3460 and .275,", ".3 and .275100,", ".2998 ± .0009", ".3 ± .0", "1.83×", "1.8×", "1,217 MB", "1217 MB").Replace(original(t, "README.md")), string(text))
	out.Reset()
	require.Equal(t, exitOK, command(t.Context(), []string{"write", "-dir", root}, &out, &log))
	require.Empty(t, out.String())
	require.Equal(t, exitOK, command(t.Context(), []string{"list", "-dir", root}, &out, &log))
	require.Regexp(t, `(?m)^README.md:3 +1.8× +1.83375 +speed/step\{torch tuned;min ms\}:speed/step\{fenchel;min ms\} +20% +2026-11-28 +a processor$`, out.String())
	results, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(resultsName)))
	require.NoError(t, err)
	require.Contains(t, string(results), "\n## speed: a step\n\n```sh\ngo run ./bench\n```\n\nMade 2026-11-28 at 0123456789ab in 3 s.\n")
	require.Contains(t, string(results), "\n### step\n")
}

// FuzzDocument: whatever a document, a record or a comment is, it is read without a panic, figures
// are parts of the text, and what is written is read again.
func FuzzDocument(f *testing.F) {
	text, err := os.ReadFile(filepath.Join(tree, "README.md"))
	require.NoError(f, err)
	recorded, err := os.ReadFile(filepath.Join(tree, filepath.FromSlash(plain)))
	require.NoError(f, err)
	study, err := os.ReadFile(filepath.Join(tree, "bench", "figures", "recorded", "study.txt"))
	require.NoError(f, err)
	f.Add(string(text), string(recorded))
	f.Add(strings.ReplaceAll(string(text), "plain", "study"), string(study))
	for _, odd := range []string{"|", "||\n|-|\n|||", "<!--", "<!-- figures: -->", "```", "`", "](", "| a |\n|---|\n<!-- figures: ~|~ -->", "-", "1.", "<!-- output: plain -->\n|1|", "−.5", "1.2.3.", "\t1.5\n"} {
		f.Add(odd, odd)
	}
	m, err := readManifest(filepath.Join(tree, filepath.FromSlash(manifestName)))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text, recorded string) {
		b := &book{manifest: m, records: map[string]*record{}, outputs: map[string]*output{}}
		if r, err := parseRecord(recorded); err == nil {
			b.records["plain"] = r
		}
		b.records["study"] = &record{text: recorded}
		l := &library{book: b, used: map[string]bool{}}
		d := parseDocument("a.md", text)
		require.Len(t, d.masked, len(text))
		l.add(d)
		for _, figure := range l.figures {
			require.Equal(t, figure.text, text[figure.start:figure.end])
		}
		_ = d.checkOutput(b)
		_ = l.changes(b, []string{"plain", "study"})
		again, _ := d.renewed(l)
		l = &library{book: b, used: map[string]bool{}}
		l.add(parseDocument("a.md", again))
		for _, figure := range l.figures {
			if figure.err == nil {
				require.True(t, figure.is(figure.value), "%s of %v", figure.text, figure.value)
			}
		}
	})
}
