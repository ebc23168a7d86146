package core

import (
	"os"
	"testing"
	"time"
)

// TestMayDoMore: tests of the core read files and clocks.
func TestMayDoMore(t *testing.T) {
	start := time.Now()
	if _, err := os.Stat("."); err != nil {
		t.Error(time.Since(start), err)
	}
}
