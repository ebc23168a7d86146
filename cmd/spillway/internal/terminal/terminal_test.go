package terminal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/spillway-io/spillway/cmd/spillway/internal/terminal"
)

// TestNoColourWithoutTerminal: what is piped or written to a file is read by
// programs.
func TestNoColourWithoutTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	for name, palette := range map[string]terminal.Palette{
		"zero":   {},
		"buffer": terminal.Style(&bytes.Buffer{}),
		"file":   terminal.Style(file),
	} {
		t.Run(name, func(t *testing.T) {
			for _, colour := range []func(string) string{palette.Bold, palette.Red, palette.Yellow, palette.Green, palette.Faint} {
				if got := colour("text"); got != "text" {
					t.Errorf("got %q", got)
				}
			}
		})
	}
}

func TestColoured(t *testing.T) {
	palette := terminal.Coloured()
	if got, want := palette.Red("text"), "\x1b[31mtext\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := palette.Bold(""); got != "" {
		t.Errorf("nothing became %q", got)
	}
}
