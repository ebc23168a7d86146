package release

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// SBOM is the list of the modules that are linked into a program, with the sums by
// which Go verified them, in CycloneDX JSON 1.6. It says nothing about who needs
// which module, or about licences: the program does not know.
func SBOM(p Program, version string) ([]byte, error) {
	program, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the program that an SBOM is for: %w", err)
	}
	sum := sha256.Sum256(program)
	main := mainComponent(p, version, hex.EncodeToString(sum[:]))
	libraries := librariesOf(p)
	references := make([]string, 0, len(libraries))
	for i := range libraries {
		references = append(references, libraries[i].BOMRef)
	}
	bom := cdx.NewBOM()
	// Who compares two SBOMs finds the same number for the same program.
	bom.SerialNumber = uuid.NewHash(sha256.New(), uuid.NameSpaceURL, append([]byte(sourceURL+"#"), sum[:]...), 8).URN()
	bom.Metadata = &cdx.Metadata{Component: &main}
	if p.Committed.Unix() != 0 {
		bom.Metadata.Timestamp = p.Committed.UTC().Format("2006-01-02T15:04:05Z")
	}
	bom.Components = &libraries
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &references}}

	var out bytes.Buffer
	if err := cdx.NewBOMEncoder(&out, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6); err != nil {
		return nil, fmt.Errorf("cannot write the SBOM: %w", err)
	}
	return out.Bytes(), nil
}

// mainComponent is the program itself.
func mainComponent(p Program, version, sum string) cdx.Component {
	reference := packageURL(p.info.Main.Path, version)
	properties := []cdx.Property{{Name: "platform", Value: p.Platform.String()}}
	if p.Revision != "" {
		properties = append(properties, cdx.Property{Name: "revision", Value: p.Revision})
	}
	return cdx.Component{
		BOMRef: reference, Type: cdx.ComponentTypeApplication, Name: p.info.Main.Path, Version: version, PackageURL: reference,
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}},
		Licenses:   &cdx.Licenses{{License: &cdx.License{ID: licence}}},
		Properties: &properties,
	}
}

// librariesOf are the modules that a program is linked from, and Go's own library.
func librariesOf(p Program) []cdx.Component {
	all := []cdx.Component{library("stdlib", strings.TrimPrefix(p.info.GoVersion, "go"), "")}
	for _, module := range p.info.Deps {
		used := resolved(module)
		all = append(all, library(used.Path, used.Version, used.Sum))
	}
	slices.SortFunc(all, func(a, b cdx.Component) int { return cmp.Compare(a.BOMRef, b.BOMRef) })
	return all
}

// resolved is what is linked in a module's stead, if something is.
func resolved(module *debug.Module) *debug.Module {
	for module.Replace != nil {
		module = module.Replace
	}
	return module
}

func library(path, version, sum string) cdx.Component {
	reference := packageURL(path, version)
	component := cdx.Component{
		BOMRef: reference, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: reference,
	}
	if sum != "" {
		// The sum of a list of sums, and of no file: a hash of the component it is not.
		component.Properties = &[]cdx.Property{{Name: "go.sum", Value: sum}}
	}
	return component
}

// packageURL is the name by which databases of vulnerabilities know a module.
func packageURL(path, version string) string {
	url := "pkg:golang/" + path
	if version != "" {
		url += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return url
}
