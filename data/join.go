package data

// JoinValid returns d with the pairs of valid moved to train, which leaves valid empty:
// what is trained on once settings have been chosen on valid. Those of users who are held
// out of training go to Known. It is d itself where valid is empty, and otherwise a set
// of another [Dataset.Hash].
func (d *Dataset) JoinValid() (*Dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if !d.has(1) {
		return d, nil
	}
	e := *d
	if d.Points != nil {
		e.Points = make([]uint8, d.Users)
		for u, part := range d.Points {
			if part == 2 {
				e.Points[u] = part
			}
		}
	}
	var err error
	valid := d.Valid
	if d.Known != nil {
		held := valid.Filter(valid.ofUsers(d.IsHeld))
		valid = valid.Filter(valid.ofUsers(func(u int) bool { return !d.IsHeld(u) }))
		if e.Known, err = union(d.Known, held); err != nil {
			return nil, err
		}
	}
	if e.Train, err = union(d.Train, valid); err != nil {
		return nil, err
	}
	if e.Valid, err = Empty(d.Users, d.Items); err != nil {
		return nil, err
	}
	if h := d.Histories; h != nil {
		e.Histories = h.filter(func(_, p int) uint8 {
			if part := h.part(p); part != 1 {
				return part
			}
			return 0
		})
	}
	return &e, nil
}

// WithoutValid returns d as if its valid set had never been: what is known of users
// before test is then their train set alone.
func (d *Dataset) WithoutValid() (*Dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	e := *d
	var err error
	if e.Valid, err = Empty(d.Users, d.Items); err != nil {
		return nil, err
	}
	if h := d.Histories; h != nil {
		e.Histories = h.filter(func(_, p int) uint8 {
			if part := h.part(p); part != 1 {
				return part
			}
			return noPart
		})
	}
	return &e, nil
}
