package webhook

import "slices"

// origin is what an item of a list was before.
type origin struct {
	// index is its position before, or that of the item that it replaces; -1:
	// the list gets longer by it.
	index int
	// stays: what is at index need not be moved.
	stays bool
	// replaced: what is at index is another item, of which nothing is kept.
	replaced bool
}

// align says for each item of a list after a change what it was before. Items
// with the same id are the same; as many of them as possible stay. Between two
// that stay, other items take the place of those that are gone, in order.
//
// It is the same item that has changed if it has the key of the one that is gone,
// or no key and as many others came as went. In doubt it is another one: fields
// that this build does not know must not end up on an item that they do not
// belong to.
func align(before, after []identity) []origin {
	positions := make(map[any]int, len(before))
	for i, item := range before {
		positions[item.id] = i
	}
	origins := make([]origin, len(after))
	for i, item := range after {
		index, found := positions[item.id]
		if !found {
			index = -1
		}
		origins[i] = origin{index: index}
		delete(positions, item.id)
	}
	keepMost(origins)
	fillGaps(before, after, origins, positions)
	return origins
}

// keepMost marks as staying a longest run of items whose order is unchanged.
func keepMost(origins []origin) {
	// ends[n] is the item with which a run of n+1 items can end earliest, previous
	// the one before an item in its run.
	var ends []int
	previous := make([]int, len(origins))
	for i, from := range origins {
		if from.index < 0 {
			continue
		}
		n, _ := slices.BinarySearchFunc(ends, from.index, func(end, index int) int { return origins[end].index - index })
		previous[i] = -1
		if n > 0 {
			previous[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		}
		ends[n] = i
	}
	if len(ends) == 0 {
		return
	}
	for i := ends[len(ends)-1]; i >= 0; i = previous[i] {
		origins[i].stays = true
	}
}

// fillGaps pairs, between items that stay, what is new with what is gone.
func fillGaps(before, after []identity, origins []origin, gone map[any]int) {
	next := 0
	var came []int
	fill := func(end int) {
		var went []int
		for ; next < end; next++ {
			if _, isGone := gone[before[next].id]; isGone {
				went = append(went, next)
			}
		}
		for i := range min(len(came), len(went)) {
			b, a := before[went[i]], after[came[i]]
			isChanged := b.key == a.key && (b.key != nil || len(came) == len(went))
			origins[came[i]] = origin{index: went[i], stays: true, replaced: !isChanged}
		}
		came, next = nil, end+1
	}
	for i, from := range origins {
		switch {
		case from.stays:
			fill(from.index)
		case from.index < 0:
			came = append(came, i)
		}
	}
	fill(len(before))
}
