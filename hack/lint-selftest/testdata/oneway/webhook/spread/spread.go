package spread

import (
	_ "github.com/spillway-io/spillway/provider/capacity" // want depguard
	_ "github.com/spillway-io/spillway/webhook/mutate"    // want depguard
)
