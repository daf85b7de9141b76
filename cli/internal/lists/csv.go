package lists

import (
	"encoding/csv"
	"io"
	"strconv"
)

func init() {
	formats[".csv"] = func(w io.Writer) writer {
		out := csvWriter{csv.NewWriter(w), make([]string, 4)}
		_ = out.w.Write([]string{"user", "rank", "item", "score"}) // the error comes with the next one
		return out
	}
}

type csvWriter struct {
	w    *csv.Writer
	line []string
}

func (c csvWriter) write(rows []Row) error {
	for _, r := range rows {
		c.line[0], c.line[1], c.line[2], c.line[3] = r.User, strconv.Itoa(int(r.Rank)), r.Item, strconv.FormatFloat(float64(r.Score), 'g', -1, 32)
		if err := c.w.Write(c.line); err != nil {
			return err
		}
	}
	return c.w.Error()
}

func (c csvWriter) close() error {
	c.w.Flush()
	return c.w.Error()
}
