// Package remains says what is left of Spillway when it is removed, with the command
// that removes each of it, and deletes nothing.
//
//	gather.go      asks the upstream cluster            ──┐
//	downstream.go  asks the downstream clusters         ──┼─▶ Survey ─▶ Text
//	judge.go       what of it stays, and what goes  pure──┘
//	text.go        how it is said                       pure
//
// It runs as a hook of a removal that nobody wants to see fail, with few rights. So
// it refuses to fail: what it may not read, or cannot in time, is a line that says so.
package remains
