package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/fenchel-ml/fenchel/internal/words"
)

// The files of the Extreme Classification Repository, and of multi-label libsvm: a line is a
// point, its labels with commas between and then feature:value, and begins with a blank where
// it has no label. Above them may stand how many points, features and labels there are.
// Labels and features count from 0.
//
// Points become users with the field "features", labels items; those of a test file follow
// on those of train.
func init() {
	Register(Format{
		Name:    "xmc",
		Doc:     "one line per point, `label,label,… feature:value feature:value …` from 0 (XMC, libsvm), perhaps under a header `points features labels`; a line without labels begins with a blank, and blank lines between points need that header",
		Example: "3 4 3\n0,2 0:1 2:0.5\n 1:1\n1 0:0.2 3:2\n",
		Ext:     ".txt",
		Sniff:   func(lines [][]byte) bool { is, _ := looksLikeLibSVM(lines); return is },
		Read:    func(_ Values, in *Input, out *Collector) error { return readXMC(in, out) },
		Least:   len(",l"),
		Write:   writeXMC,
	})
}

func readXMC(in *Input, out *Collector) error {
	var labels, features []int32
	var values []float32
	points, declared := 0, -1
	blank := 0 // the first blank line
	for in.nextLine() {
		line := in.Line()
		if len(bytes.TrimSpace(line)) == 0 {
			if blank == 0 {
				blank = in.line
			}
			continue
		}
		// By the repository's definition every line is a point, but its own readers of files with
		// a header go by the count. At the end of a file a blank line is no more than its end.
		if points == 0 && declared < 0 {
			counts, ok, err := xmcHeader(line)
			if ok {
				if err == nil {
					declared = counts[0]
					err = out.Dimensions(counts[1], counts[2])
				}
				if err != nil {
					return in.Errorf("header: %w", err)
				}
				continue
			}
		}
		if blank > 0 && declared < 0 {
			return in.ErrorAt(blank, errors.New("a blank line before a point: whether it is a point without labels and features only a header `points features labels` says; remove it, or put that header before the points"))
		}
		labels, features, values = labels[:0], features[:0], values[:0]
		field, rest := cutField(line)
		if line[0] != ' ' && line[0] != '\t' && bytes.IndexByte(field, ':') < 0 {
			for text := range bytes.SplitSeq(field, []byte(",")) {
				y, err := rowNumber(text)
				if err != nil {
					return in.Errorf("label: %w; the format is that of XMC and multi-label libsvm, `label,label,… feature:value …`", err)
				}
				labels = append(labels, y)
			}
			field, rest = cutField(rest)
		}
		for ; len(field) > 0; field, rest = cutField(rest) {
			f, v, err := featureValue(field)
			if err != nil {
				return in.Errorf("feature %q: %w", shorten(field), err)
			}
			features, values = append(features, f), append(values, v)
		}
		if err := out.AddPoint(labels, features, values); err != nil {
			return in.Errorf("%w", err)
		}
		points++
	}
	if err := in.Err(); err != nil {
		return err
	}
	if declared >= 0 && points != declared {
		return in.Errorf("%s, where the header says %d: a point is a line that is not blank", words.Count(points, "point"), declared)
	}
	return nil
}

// xmcHeader returns the numbers of points, features and labels of a line of three whole
// numbers, which no point is, and whether it is one.
func xmcHeader(line []byte) (counts [3]int, ok bool, err error) {
	fields := bytes.Fields(line)
	if len(fields) != 3 || bytes.ContainsAny(line, ":,") {
		return counts, false, nil
	}
	for i, f := range fields {
		n, err := strconv.ParseUint(string(f), 10, 31)
		if errors.Is(err, strconv.ErrSyntax) {
			return counts, false, nil
		}
		if err != nil {
			return counts, true, fmt.Errorf("%s is above %d", f, math.MaxInt32)
		}
		counts[i] = int(n)
	}
	return counts, true, nil
}

// featureValue reads "feature:value".
func featureValue(field []byte) (int32, float32, error) {
	id, value, ok := bytes.Cut(field, []byte(":"))
	if !ok {
		return 0, 0, errors.New("no colon before a value")
	}
	f, err := rowNumber(id)
	if err != nil {
		return 0, 0, err
	}
	if len(value) == 1 && value[0] == '1' { // as most are
		return f, 1, nil
	}
	v, err := strconv.ParseFloat(string(value), 32)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, 0, fmt.Errorf("the value is not a finite number of 32 bits")
	}
	return f, float32(v), nil
}

// writeXMC writes the points of the part that x is, all of them where it is none alone.
func writeXMC(w *bufio.Writer, d *Dataset, x *Interactions) error {
	at := slices.IndexFunc(d.UserFields, func(f Field) bool { return f.Name == featuresField })
	if d.Points == nil || at < 0 {
		return fmt.Errorf("format xmc holds points and their features, and %s has interactions", d.Name)
	}
	f := &d.UserFields[at]
	part := slices.IndexFunc(slices.Collect(partSets(d)), func(y *Interactions) bool { return y == x })
	n := d.Users
	if part >= 0 {
		n = d.pointsOf()[part]
	}
	if _, err := fmt.Fprintf(w, "%d %d %d\n", n, f.Size, d.Items); err != nil {
		return err
	}
	var buf []byte
	for u := range d.Users {
		if part >= 0 && int(d.Points[u]) != part {
			continue
		}
		ids, values := f.Row(u)
		if len(ids) == 0 && len(x.ItemsOf(u)) == 0 {
			return fmt.Errorf("point %d has neither labels nor features, and no line of format xmc says so", u)
		}
		buf = buf[:0]
		for j, y := range x.ItemsOf(u) {
			if j > 0 {
				buf = append(buf, ',')
			}
			buf = strconv.AppendInt(buf, int64(y), 10)
		}
		for j, id := range ids {
			buf = append(buf, ' ')
			buf = strconv.AppendInt(buf, int64(id), 10)
			buf = append(buf, ':')
			v := float32(1)
			if values != nil {
				v = values[j]
			}
			buf = strconv.AppendFloat(buf, float64(v), 'g', -1, 32)
		}
		if _, err := w.Write(append(buf, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// partSets are the three sets of d.
func partSets(d *Dataset) func(yield func(*Interactions) bool) {
	return func(yield func(*Interactions) bool) {
		for _, p := range d.Parts() {
			if !yield(p.Interactions) {
				return
			}
		}
	}
}
