package node

import (
	"time"

	_ "github.com/spillway-io/spillway/provider/translate"
	_ "github.com/spillway-io/spillway/webhook/mutate" // want depguard
	_ "github.com/spillway-io/spillway/webhook/stash"
)

// Clock is allowed in the shell; sleeping is not.
func Clock() {
	_ = time.Now()
	time.Sleep(time.Second) // want forbidigo
}
