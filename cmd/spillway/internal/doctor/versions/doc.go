// Package versions finds versions that do not go together: of the clusters, of the
// kinds that Spillway works with, of its images; and clocks that do not agree.
//
//	judge.go   what follows from versions    pure
//	gather.go  asks for them
//	clocks.go  what follows from clocks      pure
//	dates.go   asks for the time
//
// It refuses to know what a version can do: docs/versions.md does.
package versions
