package sampler

// A Footprint is memory in bytes, asked for before anything is made.
type Footprint struct {
	Kept int64 // what is held all the time, once it is made and refreshed
	Peak int64 // what making it, or a refresh, allocates on top, all at once
}

// Plus returns the size of two things side by side that are not at their fullest at
// the same time.
func (s Footprint) Plus(t Footprint) Footprint {
	return Footprint{s.Kept + t.Kept, max(s.Peak, t.Peak)}
}

// nothing is the size of a distribution without tables.
func nothing(Config, Values) Footprint { return Footprint{} }

// Bytes returns what the sampler holds once it is refreshed, the counts of its Config
// included.
func (s *Sampler) Bytes() Footprint {
	n := s.Choice.Spec.Bytes(s.Config, s.Choice.Values)
	n.Kept += 8 * int64(len(s.Config.Counts))
	return n
}

// DrawsBytes returns what Draws that NewDraws makes hold, in batches of up to
// positives positives, without making them. Its errors are those of NewDraws.
func (s *Sampler) DrawsBytes(b, k int, shared bool, positives int) (int64, error) {
	if err := s.checkDraws(b, k, shared); err != nil {
		return 0, err
	}
	rows := int64(b)
	if shared {
		rows = 1
	}
	n := 8*rows*int64(k) + 4*int64(positives)
	if s.Choice.Spec.Props.Has(InBatch) {
		n += 4 * int64(k)
	}
	floats, ints := s.proposal.Scratch(k)
	row := 8*int64(floats) + 4*int64(ints) + 8*int64(k) + 12*int64(positives) // all may be one row's
	return n + min(rows, int64(s.workers))*row, nil
}
