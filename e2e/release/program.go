package release

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Program is a program to make an image of, and what it says about itself.
type Program struct {
	// Path is where it lies.
	Path string
	// Platform is what it runs on.
	Platform v1.Platform
	// Revision is the commit it was built from, with "-dirty" behind it if that is not
	// all it was built from, and empty if it does not say.
	Revision string
	// Committed is when that commit was made, and the beginning of 1970 if the program
	// does not say.
	Committed time.Time

	info *buildinfo.BuildInfo
}

// errDynamic says that a program does not run in an image that holds nothing else.
var errDynamic = errors.New("it asks for a dynamic loader, and the image has none (build with CGO_ENABLED=0)")

// Read reads what a program says about itself. It fails unless that is a static
// program for Linux, by Go.
func Read(path string) (Program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return Program{}, fmt.Errorf("cannot read what %s was built from: %w", path, err)
	}
	p := Program{Path: path, Committed: time.Unix(0, 0).UTC(), info: info}
	dirty := false
	for _, setting := range info.Settings {
		switch setting.Key {
		case "GOOS":
			p.Platform.OS = setting.Value
		case "GOARCH":
			p.Platform.Architecture = setting.Value
		case "vcs.revision":
			p.Revision = setting.Value
		case "vcs.modified":
			dirty = setting.Value == "true"
		case "vcs.time":
			if p.Committed, err = time.Parse(time.RFC3339, setting.Value); err != nil {
				return Program{}, fmt.Errorf("cannot tell when the commit of %s was made: %w", path, err)
			}
		}
	}
	if dirty {
		p.Revision += "-dirty"
	}
	if err := verifyStatic(path); err != nil {
		return Program{}, fmt.Errorf("cannot put %s into an image: %w", path, err)
	}
	return p, nil
}

// verifyStatic says why a program would not run by itself.
func verifyStatic(path string) (err error) {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return errDynamic
		}
	}
	return nil
}
