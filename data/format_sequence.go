package data

// The files of SASRec's, BERT4Rec's and S3-Rec's successors: one line per user, "user
// item item …", whose order is that of time. It has the same lines as lightgcn, of which
// the order says nothing, so that it is never recognised: whoever has such a file says so.
// A user's later lines, and later files, go on where the earlier ones end. Ids are any
// text without blanks; numbers from 1 need no setting, since an id that no line has is
// no item.
func init() {
	Register(Format{
		Name:    "sequence",
		Doc:     "one line per user, `user item item …` in the order of time, repeats kept; never recognised: ask for it by name",
		Example: "ann 5\nbob x\nann 3\n",
		Sniff:   func([][]byte) bool { return false },
		Read:    readSequence,
		Least:   len(" i"),
	})
}

func readSequence(in *Input, out *Collector) error {
	out.Has(false, true)
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
