package data

// JoinValid returns d with the pairs of valid moved to train, which leaves valid empty:
// what is trained on once settings have been chosen on valid. It is d itself where valid
// is empty, and otherwise a set of another [Dataset.Hash].
func (d *Dataset) JoinValid() (*Dataset, error) {
	if err := d.Validate(); err != nil {
		return nil, err
	}
	if d.Valid.Len() == 0 {
		return d, nil
	}
	train, err := union(d.Train, d.Valid)
	if err != nil {
		return nil, err
	}
	e := *d
	e.Train = train
	if e.Valid, err = Empty(d.Users, d.Items); err != nil {
		return nil, err
	}
	return &e, nil
}
