package data

// PointStats are the figures of a set of points, beside those of its labels as interactions.
type PointStats struct {
	// How many points there are in each part, and without labels.
	Train      int `json:"train"`
	Valid      int `json:"valid"`
	Test       int `json:"test"`
	Unlabelled int `json:"unlabelled"`

	Features         int     `json:"features"`           // that the field has, whether or not a point has them
	FeaturesPerPoint float64 `json:"features_per_point"` // mean over all points
	LabelsPerPoint   float64 `json:"labels_per_point"`   // mean over all points
}

// pointStats counts points, nil where users are none.
func (d *Dataset) pointStats() *PointStats {
	if d.Points == nil {
		return nil
	}
	n := d.pointsOf()
	s := &PointStats{Train: n[0], Valid: n[1], Test: n[2]}
	labels, features := 0, 0
	for u, part := range d.Points {
		own := len(d.Parts()[part].ItemsOf(u))
		if labels += own; own == 0 {
			s.Unlabelled++
		}
		for i := range d.UserFields {
			if f := &d.UserFields[i]; f.Name == featuresField {
				features += f.Len(u)
			}
		}
	}
	for _, f := range d.UserFields {
		if f.Name == featuresField {
			s.Features = f.Size
		}
	}
	s.LabelsPerPoint, s.FeaturesPerPoint = float64(labels)/float64(d.Users), float64(features)/float64(d.Users)
	return s
}
