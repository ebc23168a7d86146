package release

import (
	"archive/tar"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// Entrypoint is what an image runs: its only program.
	Entrypoint = "/spillway"
	// User is who runs it, by number, as Kubernetes' runAsNonRoot asks for: it has no
	// other way to know that a name is not root's.
	User = "65532:65532"

	sourceURL = "https://github.com/spillway-io/spillway"
	licence   = "Apache-2.0"
	title     = "spillway"
	purpose   = "Lets a Kubernetes cluster overflow into other clusters: the admission webhook and the virtual node"

	passwd = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	group  = "root:x:0:\nnonroot:x:65532:\n"
	// sbomFile is where the image holds its SBOM: scanners look for names that end so.
	sbomFile = "spillway.cdx.json"
)

// labels are what an image says about itself, in its configuration, where `docker
// inspect` and containerd show them, and in its manifest, where registries do.
func labels(p Program, version string, created time.Time) map[string]string {
	all := map[string]string{
		"org.opencontainers.image.title":       title,
		"org.opencontainers.image.description": purpose,
		"org.opencontainers.image.version":     version,
		"org.opencontainers.image.licenses":    licence,
		"org.opencontainers.image.source":      sourceURL,
		"org.opencontainers.image.created":     created.Format(time.RFC3339),
	}
	if p.Revision != "" {
		all["org.opencontainers.image.revision"] = p.Revision
	}
	return all
}

// imageOf is the image of a program.
func imageOf(p Program, o Options) (v1.Image, error) {
	created := cmp.Or(o.Created, p.Committed).UTC()
	content, err := rootFS(p, o.Version, created)
	if err != nil {
		return nil, fmt.Errorf("cannot make the image's layer: %w", err)
	}
	layer, err := tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching,
	)
	if err != nil {
		return nil, fmt.Errorf("cannot make the image's layer: %w", err)
	}
	image, err := mutate.Append(
		mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{
			Created: v1.Time{Time: created}, CreatedBy: "make image", Comment: "the program, its SBOM, and the names of its user",
		}},
	)
	if err != nil {
		return nil, fmt.Errorf("cannot append the layer to the image: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read the image's configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = p.Platform.OS, p.Platform.Architecture, p.Platform.Variant
	config.Created = v1.Time{Time: created}
	config.Config = v1.Config{Entrypoint: []string{Entrypoint}, User: User, WorkingDir: "/", Labels: labels(p, o.Version, created)}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return nil, fmt.Errorf("cannot configure the image: %w", err)
	}
	return mutate.Annotations(image, config.Config.Labels).(v1.Image), nil
}

// rootFS is everything that a container finds, as a tar archive.
func rootFS(p Program, version string, modified time.Time) ([]byte, error) {
	program, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, err
	}
	sbom, err := SBOM(p, version)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	archive := tar.NewWriter(&layer)
	for _, entry := range []struct {
		name    string
		mode    int64
		content []byte
	}{
		{"etc/", 0o755, nil},
		{"etc/group", 0o444, []byte(group)},
		{"etc/passwd", 0o444, []byte(passwd)},
		{Entrypoint[1:], 0o555, program},
		{sbomFile, 0o444, sbom},
	} {
		if err := writeEntry(archive, entry.name, entry.mode, modified, entry.content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return layer.Bytes(), nil
}

// writeEntry writes a file, or a folder if the name ends like one, that is root's.
func writeEntry(archive *tar.Writer, name string, mode int64, modified time.Time, content []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, ModTime: modified, Size: int64(len(content)), Format: tar.FormatUSTAR}
	if name[len(name)-1] == '/' {
		header.Typeflag = tar.TypeDir
	}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err := archive.Write(content)
	return err
}
