package main

import (
	"bytes"

	"github.com/fenchel-ml/fenchel/data"
)

// own-bars reads lines of a user, a bar and an item.
func init() {
	data.Register(data.Format{
		Name: "own-bars", Doc: "`user|item`", Example: "ann|tea\nbob|ale\n",
		Least: len("u|i\n"),
		Sniff: func(lines [][]byte) bool {
			for _, line := range lines {
				if bytes.Count(line, []byte("|")) != 1 {
					return false
				}
			}
			return true
		},
		Read: func(_ data.Values, in *data.Input, out *data.Collector) error {
			for in.Next() {
				user, item, ok := bytes.Cut(in.Line(), []byte("|"))
				if !ok {
					return in.Errorf("%q is not user|item", in.Line())
				}
				if err := out.Add(user, item, 0, data.Moment{}); err != nil {
					return in.Errorf("%w", err)
				}
			}
			return in.Err()
		},
	})
}
