package data

// ColdItems returns the items without a pair in train, ascending: what a model learned
// nothing of, but by their features.
func (d *Dataset) ColdItems() []int32 { return d.itemsWhere(func(n int32) bool { return n == 0 }) }

// WarmItems returns the items with a pair in train, ascending.
func (d *Dataset) WarmItems() []int32 { return d.itemsWhere(func(n int32) bool { return n > 0 }) }

// itemsWhere returns the items whose number of pairs in train is as keep says.
func (d *Dataset) itemsWhere(keep func(n int32) bool) (items []int32) {
	for i, n := range d.Train.ItemCounts() {
		if keep(n) {
			items = append(items, int32(i))
		}
	}
	return items
}
