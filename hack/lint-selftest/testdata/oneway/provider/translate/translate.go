package translate

import (
	_ "github.com/spillway-io/spillway/webhook/sidecar" // want depguard
	_ "github.com/spillway-io/spillway/webhook/stash"
)
