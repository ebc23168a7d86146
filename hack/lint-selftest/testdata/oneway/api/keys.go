package api

import _ "github.com/spillway-io/spillway/provider/capacity" // want depguard
