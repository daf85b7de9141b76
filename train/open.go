package train

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/fenchel-ml/fenchel/data"
	"github.com/fenchel-ml/fenchel/graph"
	"github.com/fenchel-ml/fenchel/train/weights"
)

// ErrOtherData is that of a run folder that is opened with another split than it was trained on.
var ErrOtherData = errors.New("was trained on another split")

// Open returns what the run in a folder reached, on the dataset it was trained
// on: a dataset of another split hash is an error, because its evaluation would
// count what was trained on. So are weights that were made by another configuration
// than the one beside them.
func Open(dir string, set *data.Dataset) (*Recommender, error) {
	if err := set.Validate(); err != nil {
		return nil, err
	}
	text, cfg, err := loadConfig(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, WeightsFile)
	f, err := weights.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("train: %s holds a run that has written no weights yet: it goes on, or begins, where it is run again in that folder", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer f.Close()
	var m weightsMeta
	if err := f.Meta(&m); err != nil {
		return nil, err
	}
	if err := m.of(path, text, cfg); err != nil {
		return nil, err
	}
	p, err := cfg.Plan()
	if err != nil {
		return nil, err
	}
	if set, err = p.SetOf(set); err != nil {
		return nil, err
	}
	if hash := set.Hash(); m.Split != hash {
		return nil, fmt.Errorf("train: %s %w: %.12s there, %.12s here", dir, ErrOtherData, m.Split, hash)
	}
	t, err := p.New(set)
	if err != nil {
		return nil, err
	}
	if p.fits() {
		return t, t.readFitted(f, set)
	}
	arrays := tableArrays("", t.Tables())
	for _, name := range f.Names() {
		if !slices.ContainsFunc(arrays, func(a graph.Array) bool { return a.Name == name }) {
			return nil, fmt.Errorf("train: %s holds table %q, which the configuration does not make", dir, name)
		}
	}
	for _, a := range arrays {
		if err := f.Read(a); err != nil {
			return nil, err
		}
	}
	return t, nil
}
