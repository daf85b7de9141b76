package cli

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strings"

	"github.com/fenchel-ml/fenchel/models"
	"github.com/fenchel-ml/fenchel/train"
)

// A recorded configuration is what a file or a preset says, before --set and flags. The
// file of a run says everything, also what only followed from the rest of it: where the
// command line changes the rest, that follows anew instead of contradicting it.
type recorded struct {
	train.Config
	name string // of the file or preset
}

// giveWay drops from c, which the command line has made of r by giving some paths, what
// contradicts them and was not given. It returns what to tell of it.
func (r recorded) giveWay(c *train.Config, given map[string]bool) (notes []string) {
	if r.name == "" {
		return nil
	}
	r.candidates(c, given)
	r.protocol(c, given)
	return append(r.watched(c, given), r.temperature(c, given)...)
}

// candidates has a loss that brings its own, as a recipe and LOSS@CANDIDATES do, do so.
func (r recorded) candidates(c *train.Config, given map[string]bool) {
	name, _, _ := strings.Cut(c.Loss, ":")
	_, err := models.LookupRecipe(strings.TrimSpace(name))
	if given["loss"] && !given["candidates"] && (err == nil || strings.Contains(c.Loss, "@")) {
		c.Candidates = ""
	}
}

// protocol has a protocol by name decide its parts.
func (r recorded) protocol(c *train.Config, given map[string]bool) {
	if !given["protocol"] {
		return
	}
	for path, part := range map[string]*string{"train.on": &c.Train.On, "eval.mask": &c.Eval.Mask, "eval.items": &c.Eval.Items} {
		if !given[path] {
			*part = ""
		}
	}
}

// watched drops what is about a valid set where there comes to be none.
func (r recorded) watched(c *train.Config, given map[string]bool) (notes []string) {
	on := c.Train.On
	if p, err := train.LookupProtocol(c.Protocol); on == "" && err == nil {
		on = p.On
	}
	if on != train.BothSets {
		return nil
	}
	if !given["train.monitor"] {
		c.Train.Monitor = ""
	}
	if !given["eval.every"] {
		c.Eval.Every = 0
	}
	if was := c.Train.Patience; !given["train.patience"] && was != nil {
		if *was > 0 {
			notes = append(notes, fmt.Sprintf("train.patience=%d of %s is left out: train.on=%s leaves no valid set to watch, and all epochs are trained", *was, r.name, train.BothSets))
		}
		c.Train.Patience = nil
	}
	return notes
}

// temperature has the natural temperature, on record as a temperature and the spread that
// it was made of, follow from what was given: another temperature is of no spread, another
// spread or loss makes another temperature, and other data have a spread of their own.
func (r recorded) temperature(c *train.Config, given map[string]bool) (notes []string) {
	m, was := &c.Model, r.Model
	if was.Temperature == "" || was.Spread == 0 {
		return nil
	}
	givenT, givenM := given["model.temperature"], given["model.spread"]
	switch {
	case givenT && !givenM:
		m.Spread = 0
	case givenM && !givenT:
		m.Temperature = ""
	case givenT:
	case !sameData(c.Data, r.Data) || c.Train.Task != r.Train.Task:
		m.Temperature, m.Spread = "", 0
		notes = append(notes, fmt.Sprintf("model.temperature=%s and model.spread=%g of %s are of the data and the task there, and left out; --spread %[2]g keeps the spread", was.Temperature, was.Spread, r.name))
	case c.Loss != r.Loss || c.Candidates != r.Candidates || m.Score != was.Score || c.Train.Solver != r.Train.Solver:
		m.Temperature = ""
		if p, err := c.Plan(); err != nil || p.Config.Model.Temperature != "" { // it has none
			m.Spread = 0
		}
	}
	if t, err := models.ParseTemperature(was.Temperature); m.Temperature == "" && err == nil && t.Learned != nil {
		m.Temperature = models.Temperature{Learned: t.Learned}.String() // it is still learned, from another start
	}
	return notes
}

// sameData reports whether two configurations read the same, by one path or another.
func sameData(a, b train.DataConfig) bool {
	pathA, errA := filepath.Abs(a.Source)
	pathB, errB := filepath.Abs(b.Source)
	a.Source, b.Source = "", ""
	return reflect.DeepEqual(a, b) && errA == nil && errB == nil && pathA == pathB
}
