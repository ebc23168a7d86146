package flags

import (
	_ "github.com/spillway-io/spillway/provider/node"
	_ "github.com/spillway-io/spillway/webhook/serve"
)
