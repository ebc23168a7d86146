package mass

import "testing"

func TestExcessive(t *testing.T) {
	for _, c := range []struct {
		missing, all int
		want         bool
	}{{10, 10, false}, {11, 22, false}, {11, 21, true}, {1000, 1000, true}, {1000, 5000, false}} {
		if got := Excessive(c.missing, c.all); got != c.want {
			t.Errorf("%d of %d: %v, want %v", c.missing, c.all, got, c.want)
		}
	}
}
