package lists

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

func init() {
	formats[".jsonl"] = func(w io.Writer) writer {
		b := bufio.NewWriterSize(w, 1<<16)
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		return jsonWriter{b, e}
	}
}

type jsonWriter struct {
	b *bufio.Writer
	e *json.Encoder
}

func (j jsonWriter) write(rows []Row) error {
	for _, r := range rows {
		if err := text(r); err != nil {
			return err
		}
		if err := j.e.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

func (j jsonWriter) close() error { return j.b.Flush() }

// text returns an error unless the ids are UTF-8, as JSON and Parquet have texts.
func text(r Row) error {
	for _, id := range []string{r.User, r.Item} {
		if !utf8.ValidString(id) {
			return fmt.Errorf("the id %q is not UTF-8, as the form asks; a .csv takes any", id)
		}
	}
	return nil
}
