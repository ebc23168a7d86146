package node

import _ "github.com/spillway-io/spillway/cmd/labels" // want depguard
