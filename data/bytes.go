package data

// Bytes returns the memory that the dataset holds: its pairs, histories, ids and
// features, and the truth of a generated one.
func (d *Dataset) Bytes() (n int64) {
	for _, part := range d.Parts() {
		n += part.bytes()
	}
	n += d.Histories.bytes() + int64(len(d.Points))
	if d.Known != nil {
		n += d.Known.bytes()
	}
	for _, ids := range [][]string{d.UserIDs, d.ItemIDs} {
		for _, id := range ids {
			n += stringHeader + int64(len(id))
		}
	}
	for _, fields := range [][]Field{d.UserFields, d.ItemFields} {
		for _, f := range fields {
			n += 8*int64(len(f.Lo)+len(f.Hi)) + 4*int64(len(f.ID)+len(f.Value)) + 16*int64(len(f.Scale))
			for _, token := range f.Tokens {
				n += stringHeader + int64(len(token))
			}
		}
	}
	if len(d.ItemFields) > 0 {
		n += 4 * int64(d.Items) // which of them are warm
	}
	if t := d.Truth; t != nil {
		n += 4 * int64(len(t.User)+len(t.Item)+len(t.Bias))
	}
	return n
}

// stringHeader is the size of a string without its text.
const stringHeader = 16

func (x *Interactions) bytes() int64 {
	return 8*int64(len(x.ptr)) + 4*int64(len(x.item)+len(x.value)) + 8*int64(len(x.time))
}
