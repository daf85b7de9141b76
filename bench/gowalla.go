package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/fenchel-ml/fenchel/data"
)

// gowalla returns the data set of -data with its train set alone: what is timed
// is training.
func gowalla(dir string) (*data.Dataset, error) {
	set, err := loadGowalla(dir)
	if err != nil {
		return nil, err
	}
	return trainOnly(set)
}

// loadGowalla returns the data set of -data, an error that wraps errAbsent where there is
// none.
func loadGowalla(dir string) (*data.Dataset, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: -data names no directory", errAbsent)
	}
	set, err := data.Load(data.Config{Source: dir})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no data at %s; see -data", errAbsent, dir)
	}
	return set, err
}

// trainOnly empties the valid and test sets.
func trainOnly(set *data.Dataset) (*data.Dataset, error) {
	none, err := data.FromCSR(set.Users, set.Items, make([]int, set.Users+1), nil, nil, nil)
	if err != nil {
		return nil, err
	}
	set.Valid, set.Test = none, none
	return set, nil
}
