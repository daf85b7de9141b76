package data

import (
	"fmt"

	"github.com/fenchel-ml/fenchel/internal/registry"
)

// ReadFeatures reads a file of features of one side of d, UserSide or ItemSide, and returns its
// columns with a row for each user or item, as they are in the file: ids that no training pair
// has are among them, and numbers are not scaled. The notes say what was found and left out. d stays as it is.
func (d *Dataset) ReadFeatures(path, side string) (fields []Field, notes []string, err error) {
	if err := d.Validate(); err != nil {
		return nil, nil, err
	}
	if side != UserSide && side != ItemSide {
		return nil, nil, fmt.Errorf("data: unknown side %q%s", side, registry.Offer(side, []string{UserSide, ItemSide}))
	}
	return d.readFeatures(path, side, nil)
}
