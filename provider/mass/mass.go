// Package mass says when so much is missing at once that it looks like a mistake: of an
// API server that was restored from an old backup, that has an empty cache, or that is
// another cluster's. It is the one bound for everything that deletes because something
// is missing, and for lists. It refuses to know what is missing, and what follows.
package mass

// few is how many objects may be missing without a doubt, whatever share of all they
// are.
const few = 10

// Excessive says whether so many missing objects of so many look like a mistake: more
// than ten, and more than half of all.
func Excessive(missing, all int) bool {
	return missing > few && 2*missing > all
}
