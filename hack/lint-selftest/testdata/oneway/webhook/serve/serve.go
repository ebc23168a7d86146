package serve

import (
	_ "github.com/spillway-io/spillway/provider/translate" // want depguard
	_ "github.com/spillway-io/spillway/webhook/mutate"
)

var requests = map[string]int{} // want gochecknoglobals

// Requests keeps the variable in use.
func Requests() int { return len(requests) }
