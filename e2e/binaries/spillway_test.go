package binaries

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSpillwayHoldsWhatIsCalled: the linker leaves out methods that nobody calls, as long
// as nothing in the program finds methods by names that it only knows when it runs.
func TestSpillwayHoldsWhatIsCalled(t *testing.T) {
	path, err := Spillway(t.Context(), Options{Out: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	symbols, err := file.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, symbol := range symbols {
		there[symbol.Name] = true
	}
	if !there["main.main"] {
		t.Fatal("the program does not say what is in it")
	}
	for _, name := range []string{
		"text/template.(*state).evalField", // templates; go build -ldflags=-dumpdep tells who executes one
		"k8s.io/api/core/v1.(*Pod).SwaggerDoc",
		"k8s.io/api/core/v1.Pod.SwaggerDoc",
	} {
		if there[name] {
			t.Errorf("%s is in the program, and with it what nobody calls; see docs/decisions/0042", name)
		}
	}
}

// TestSpillwayIsBuiltAsInTheMakefile: what is tested and measured has the tags of what is released.
func TestSpillwayIsBuiltAsInTheMakefile(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	makefile := string(content)
	if !strings.Contains(makefile, "\ntags    := "+tags+"\n") {
		t.Errorf("the Makefile's tags are not %q", tags)
	}
	if builds, tagged := strings.Count(makefile, " ./cmd/spillway"), strings.Count(makefile, "-tags $(tags) "); builds == 0 || builds != tagged {
		t.Errorf("the Makefile builds ./cmd/spillway %d times, %d of them with its tags", builds, tagged)
	}
}
