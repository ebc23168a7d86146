package release

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Files are what WriteFiles has written.
type Files struct {
	// Archive is the path of the image's archive.
	Archive string
	// Name is what the image is called: what a pod asks for.
	Name string
	// Digest is what Write returned.
	Digest v1.Hash
	// SBOMs are paths, in the order of the programs.
	SBOMs []string
}

// WriteFiles writes the archive of an image of the programs at paths, and the SBOM
// of each of them, to a folder. Names say the version, and the platform where it is
// one: spillway-<version>-linux-amd64.oci.tar. What is there is replaced.
func WriteFiles(dir string, o Options, paths ...string) (Files, error) {
	var programs []Program
	for _, path := range paths {
		p, err := Read(path)
		if err != nil {
			return Files{}, err
		}
		programs = append(programs, p)
	}
	return writeFiles(dir, o, programs)
}

func writeFiles(dir string, o Options, programs []Program) (Files, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Files{}, fmt.Errorf("cannot make the folder for the image: %w", err)
	}
	base := title + "-" + o.Version
	of := func(p Program) string {
		return filepath.Join(dir, base+"-"+strings.ReplaceAll(p.Platform.String(), "/", "-"))
	}
	files := Files{Name: o.Name, Archive: filepath.Join(dir, base+".oci.tar")}
	if len(programs) == 1 {
		files.Archive = of(programs[0]) + ".oci.tar"
	}
	var err error
	if files.Digest, err = writeArchive(files.Archive, o, programs); err != nil {
		return Files{}, err
	}
	for _, p := range programs {
		sbom, err := SBOM(p, o.Version)
		if err != nil {
			return Files{}, err
		}
		path := of(p) + ".cdx.json"
		if err := os.WriteFile(path, sbom, 0o644); err != nil {
			return Files{}, fmt.Errorf("cannot write the SBOM: %w", err)
		}
		files.SBOMs = append(files.SBOMs, path)
	}
	return files, nil
}

// writeArchive takes a name of its own first: who imports the old one meanwhile
// keeps it.
func writeArchive(path string, o Options, programs []Program) (digest v1.Hash, err error) {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("cannot write the image's archive: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	digest, err = Write(file, o, programs...)
	if err := errors.Join(err, file.Chmod(0o644), file.Close()); err != nil {
		return v1.Hash{}, err
	}
	return digest, os.Rename(file.Name(), path)
}
