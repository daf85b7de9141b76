package data

// ColdItems returns the items without a pair in train, ascending: what a model learned
// nothing of.
func (d *Dataset) ColdItems() []int32 {
	var cold []int32
	for i, n := range d.Train.ItemCounts() {
		if n == 0 {
			cold = append(cold, int32(i))
		}
	}
	return cold
}
