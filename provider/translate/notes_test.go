package translate_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spillway-io/spillway/provider/translate"
)

func TestEventText(t *testing.T) {
	if short := strings.Repeat("é", 512); translate.EventText(short) != short {
		t.Error("EventText() changed a text of 1024 bytes")
	}
	long := translate.EventText(strings.Repeat("€", 400))
	if len(long) > 1024 || len(long) < 1020 || !utf8.ValidString(long) || !strings.HasSuffix(long, "€...") {
		t.Errorf("EventText() of a long text has %d bytes: %q", len(long), long)
	}
}
