package leftout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spillway-io/spillway/e2e/binaries"
	"github.com/spillway-io/spillway/e2e/leftout"
)

// TestTell: the note names the tests of the program that leaves it, this one.
func TestTell(t *testing.T) {
	root, err := binaries.Root()
	if err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(root, ".cache", "left-out", "nothing")
	t.Cleanup(func() {
		if err := os.Remove(note); err != nil {
			t.Error(err)
		}
	})
	if code := leftout.Tell("e2e/nothing", "Something else was.", errors.New("no root")); code != 0 {
		t.Errorf("exit code %d, want 0: it is no failure", code)
	}
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"e2e/nothing", t.Name(), "no root", "Something else was."} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the note lacks %q:\n%s", part, text)
		}
	}
}
