package release

import (
	"archive/tar"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Options say what the image is called and dated.
type Options struct {
	// Name is the image's name with a tag, such as "spillway:v1.2.3".
	Name string
	// Version is what is written on it.
	Version string
	// Created is when it was made. The default is when the commit was that the program
	// was built from.
	Created time.Time
}

// Write writes an archive of the programs' image to w and returns the digest that
// containers are started by: of the image, or of the index over the images where
// there is more than one program. No two may be for the same platform.
func Write(w io.Writer, o Options, programs ...Program) (digest v1.Hash, err error) {
	tag, err := tagOf(o.Name)
	if err != nil {
		return v1.Hash{}, err
	}
	images, err := imagesOf(o, programs)
	if err != nil {
		return v1.Hash{}, err
	}
	dir, err := os.MkdirTemp("", "spillway-image-")
	if err != nil {
		return v1.Hash{}, fmt.Errorf("cannot make a folder for the image: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if digest, err = lay(dir, tag, images); err != nil {
		return v1.Hash{}, fmt.Errorf("cannot lay out the image: %w", err)
	}
	if err := pack(w, dir, cmp.Or(o.Created, programs[0].Committed).UTC()); err != nil {
		return v1.Hash{}, fmt.Errorf("cannot write the image's archive: %w", err)
	}
	return digest, nil
}

// tagOf refuses names without a tag: what they mean changes with every release.
func tagOf(called string) (name.Tag, error) {
	tag, err := name.NewTag(called)
	if err != nil {
		return tag, fmt.Errorf("cannot call an image %q: %w", called, err)
	}
	if !strings.HasSuffix(called, ":"+tag.TagStr()) {
		return tag, fmt.Errorf("cannot call an image %q: it has no tag", called)
	}
	return tag, nil
}

// built is the image for a platform.
type built struct {
	v1.Image
	platform v1.Platform
}

func imagesOf(o Options, programs []Program) ([]built, error) {
	var all []built
	for _, p := range programs {
		if slices.ContainsFunc(all, func(b built) bool { return b.platform.Equals(p.Platform) }) {
			return nil, fmt.Errorf("two programs are for %s", p.Platform)
		}
		image, err := imageOf(p, o)
		if err != nil {
			return nil, fmt.Errorf("cannot make an image of %s: %w", p.Path, err)
		}
		all = append(all, built{Image: image, platform: p.Platform})
	}
	if len(all) == 0 {
		return nil, errors.New("there is no program to make an image of")
	}
	return all, nil
}

// lay makes dir an OCI image layout with Docker's list beside it.
func lay(dir string, tag name.Tag, images []built) (v1.Hash, error) {
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	named := layout.WithAnnotations(map[string]string{
		// By the first containerd and newer Dockers find the name, by the second others do.
		"io.containerd.image.name":          containerdName(tag),
		"org.opencontainers.image.ref.name": tag.TagStr(),
	})
	if len(images) == 1 {
		if err := path.AppendImage(images[0].Image, named, layout.WithPlatform(images[0].platform)); err != nil {
			return v1.Hash{}, err
		}
	} else if err := path.AppendIndex(indexOf(images), named); err != nil {
		return v1.Hash{}, err
	}
	if err := writeDockerList(dir, tag, images[0]); err != nil {
		return v1.Hash{}, err
	}
	return topDigest(path)
}

// containerdName is the name with the registry that Docker and Kubernetes take
// names without one to be of. It need not exist.
func containerdName(tag name.Tag) string {
	registry := tag.RegistryStr()
	if registry == name.DefaultRegistry {
		registry = "docker.io"
	}
	return registry + "/" + tag.RepositoryStr() + ":" + tag.TagStr()
}

func indexOf(images []built) v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image.Image, Descriptor: v1.Descriptor{Platform: &image.platform},
		})
	}
	return index
}

func topDigest(path layout.Path) (v1.Hash, error) {
	index, err := path.ImageIndex()
	if err != nil {
		return v1.Hash{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return v1.Hash{}, err
	}
	return manifest.Manifests[0].Digest, nil
}

// writeDockerList writes what Dockers read that do not know OCI layouts. They know
// one image of a name, so of several they get the first.
func writeDockerList(dir string, tag name.Tag, image built) error {
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(hash v1.Hash) string { return "blobs/" + hash.Algorithm + "/" + hash.Hex }
	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blob(manifest.Config.Digest), RepoTags: []string{tag.String()}}
	for _, layer := range manifest.Layers {
		entry.Layers = append(entry.Layers, blob(layer.Digest))
	}
	content, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "manifest.json"), content, 0o600)
}

// pack writes the files in dir to w as a tar archive, in the order of their names.
func pack(w io.Writer, dir string, modified time.Time) error {
	archive := tar.NewWriter(w)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		relative, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return writeEntry(archive, filepath.ToSlash(relative)+"/", 0o755, modified, nil)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return writeEntry(archive, filepath.ToSlash(relative), 0o644, modified, content)
	})
	return errors.Join(err, archive.Close())
}
