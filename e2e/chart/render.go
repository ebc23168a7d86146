package chart

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/charts"
	"github.com/spillway-io/spillway/e2e/manifest"
)

// notesFile is the template of what helm prints at the end.
const notesFile = "NOTES.txt"

// Rendered is what a release consists of.
type Rendered struct {
	// Objects are all objects, also those of hooks, which have an annotation that
	// says so; in the order of the templates' names.
	Objects []*unstructured.Unstructured
	// Notes are what helm prints at the end.
	Notes string
}

// Load reads the chart as it is in the checkout that this was built from.
func Load() (*chartv2.Chart, error) {
	var files []*archive.BufferedFile
	err := fs.WalkDir(charts.Spillway, "spillway", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := charts.Spillway.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, &archive.BufferedFile{Name: strings.TrimPrefix(name, "spillway/"), Data: content})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("cannot read the chart: %w", err)
	}
	loaded, err := loader.LoadFiles(files)
	if err != nil {
		return nil, fmt.Errorf("cannot load the chart: %w", err)
	}
	return loaded, nil
}

// Render returns all objects of a release with these values as `helm template` does,
// also those of hooks. It fails as helm does, for values that the schema refuses for
// one thing.
func Render(values map[string]any, release, namespace string) ([]*unstructured.Unstructured, error) {
	rendered, err := RenderFor(nil, values, release, namespace)
	return rendered.Objects, err
}

// RenderFor renders for a cluster, in which the chart looks what is there already, as
// `helm install` does. Without a cluster nothing is there.
func RenderFor(cluster *rest.Config, values map[string]any, release, namespace string) (Rendered, error) {
	loaded, err := Load()
	if err != nil {
		return Rendered{}, err
	}
	options := common.ReleaseOptions{Name: release, Namespace: namespace, Revision: 1, IsInstall: true}
	complete, err := util.ToRenderValues(loaded, values, options, nil)
	if err != nil {
		return Rendered{}, fmt.Errorf("cannot complete the values: %w", err)
	}
	var texts map[string]string
	if cluster == nil {
		texts, err = engine.Render(loaded, complete)
	} else {
		texts, err = engine.RenderWithClient(loaded, complete, cluster)
	}
	if err != nil {
		return Rendered{}, fmt.Errorf("cannot render the chart: %w", err)
	}
	return read(texts)
}

// read tells objects from what is none.
func read(texts map[string]string) (Rendered, error) {
	var rendered Rendered
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if path.Base(name) == notesFile {
			rendered.Notes = texts[name]
			continue
		}
		objects, err := manifest.Decode(texts[name])
		if err != nil {
			return Rendered{}, fmt.Errorf("cannot read what %s renders: %w", name, err)
		}
		rendered.Objects = append(rendered.Objects, objects...)
	}
	return rendered, nil
}
