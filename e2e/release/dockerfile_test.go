package release

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// dockerfile is what the lines of Dockerfile come to: what files it copies, with
// their mode in front of the source or, if that stands in the Dockerfile, the text.
type dockerfile struct {
	copies map[string]string
	rest   map[string]string
}

// read knows as much of the language as our Dockerfile needs.
func read(t *testing.T, text string) dockerfile {
	t.Helper()
	read := dockerfile{copies: map[string]string{}, rest: map[string]string{}}
	lines := strings.Split(strings.ReplaceAll(text, "\\\n", ""), "\n")
	for i := 0; i < len(lines); i++ {
		words := strings.Fields(lines[i])
		if len(words) == 0 || strings.HasPrefix(lines[i], "#") {
			continue
		}
		if words[0] != "COPY" {
			read.rest[words[0]] = strings.Join(words[1:], " ")
			continue
		}
		if len(words) != 4 {
			t.Fatalf("a COPY that this test cannot read: %s", lines[i])
		}
		content := words[2]
		if end, ok := strings.CutPrefix(content, "<<"); ok {
			content = ""
			for i++; lines[i] != end; i++ {
				content += lines[i] + "\n"
			}
		}
		read.copies[words[3]] = words[1] + " " + content
	}
	return read
}

// TestDockerfile: who builds with an engine gets the same image, but for the SBOM
// and what only a release says.
func TestDockerfile(t *testing.T) {
	root := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	got := read(t, string(text))
	want := map[string]string{
		"/etc/passwd": "--chmod=0444 " + passwd,
		"/etc/group":  "--chmod=0444 " + group,
		Entrypoint:    "--chmod=0555 bin/spillway",
	}
	if diff := cmp.Diff(want, got.copies); diff != "" {
		t.Errorf("what it copies (-want +got):\n%s", diff)
	}
	entrypoint, err := json.Marshal([]string{Entrypoint})
	if err != nil {
		t.Fatal(err)
	}
	said := labels(Program{}, "", time.Time{})
	var written []string
	for _, key := range []string{"title", "licenses", "source"} {
		key = "org.opencontainers.image." + key
		written = append(written, key+`="`+said[key]+`"`)
	}
	rest := map[string]string{
		"FROM": "scratch", "WORKDIR": "/", "USER": User, "ENTRYPOINT": string(entrypoint), "LABEL": strings.Join(written, " "),
	}
	if diff := cmp.Diff(rest, got.rest); diff != "" {
		t.Errorf("its other lines (-want +got):\n%s", diff)
	}
	image, err := imageOf(mustRead(t), options())
	if err != nil {
		t.Fatal(err)
	}
	if config, err := image.ConfigFile(); err != nil || config.Config.User != got.rest["USER"] || config.Config.WorkingDir != got.rest["WORKDIR"] {
		t.Errorf("the image says %+v (%v)", config, err)
	}
	ignored, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil || !strings.HasSuffix(string(ignored), "\n*\n!bin/spillway\n") {
		t.Errorf(".dockerignore leaves out or lets in something else (%v):\n%s", err, ignored)
	}
}

func mustRead(t *testing.T) Program {
	t.Helper()
	p, err := Read(build(t))
	if err != nil {
		t.Fatal(err)
	}
	if p.Platform.Equals(v1.Platform{}) {
		t.Fatal("the program does not say what it runs on")
	}
	return p
}
