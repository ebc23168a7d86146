package soak

import (
	"math"
	"slices"
	"time"
)

// Point is one sample of a figure.
type Point struct {
	// At is when, since the load began.
	At    time.Duration
	Value float64
}

const (
	// parts is into how many a run is divided, each of which counts by its median, for
	// the trend. Samples next to each other say the same, and more of them would make
	// what is by chance look certain.
	parts = 40
	// certain is how many standard deviations a trend must be away from none: by chance
	// it is that in one of 200 runs.
	certain = 2.58
)

// trend returns how much the values rise per hour: the median of the slopes between any
// two parts (Theil and Sen), which peaks do not bend; and what it is at least, by the
// limit of confidence that Kendall's statistic gives. Fewer than two points have none.
func trend(points []Point) (perHour, atLeast float64) {
	medians := divide(points, parts)
	var slopes []float64
	for i, a := range medians {
		for _, b := range medians[i+1:] {
			slopes = append(slopes, (b.Value-a.Value)/(b.At-a.At).Hours())
		}
	}
	if len(slopes) == 0 {
		return 0, 0
	}
	slices.Sort(slopes)
	n, count := float64(len(medians)), float64(len(slopes))
	doubt := certain * math.Sqrt(n*(n-1)*(2*n+5)/18)
	return median(slopes), slopes[max(0, int((count-doubt)/2))]
}

// divide returns the middle of each of so many parts of the points, which are in the order
// of time.
func divide(points []Point, parts int) []Point {
	n := min(parts, len(points))
	middles := make([]Point, 0, n)
	for i := range n {
		part := points[len(points)*i/n : len(points)*(i+1)/n]
		middles = append(middles, Point{At: part[len(part)/2].At, Value: median(values(part))})
	}
	return middles
}

func values(points []Point) []float64 {
	of := make([]float64, 0, len(points))
	for _, p := range points {
		of = append(of, p.Value)
	}
	return of
}

// median sorts the figures, of which there must be one.
func median(figures []float64) float64 {
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}

// drawn is how many points a curve has at most.
const drawn = 300

// Thin returns the points that a curve needs: medians, where there are more.
func Thin(points []Point) []Point { return divide(points, drawn) }
