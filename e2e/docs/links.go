package docs

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Link is a link to a place of the checkout.
type Link struct {
	Line int
	// Target is as written: a path from the page's folder, an #anchor, or both.
	Target string
}

// linksIn finds the links of a line. Those to other sites are nobody's here to check.
func linksIn(n int, line string) []Link {
	links := regexp.MustCompile(`\]\(([^()\s]+)\)`)
	var found []Link
	for _, link := range links.FindAllStringSubmatch(line, -1) {
		if !strings.Contains(link[1], "://") {
			found = append(found, Link{n, link[1]})
		}
	}
	return found
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, strings.TrimSpace(title))
}

// DeadLinks are links of a page to files that are not below root, and to headings that
// pages, by their paths, do not have.
func (p Page) DeadLinks(root string, pages map[string]Page) error {
	var errs []error
	for _, link := range p.Links {
		file, heading, _ := strings.Cut(link.Target, "#")
		target := p.Path
		if file != "" {
			target = path.Join(path.Dir(p.Path), file)
		}
		if _, err := os.Stat(filepath.Join(root, target)); err != nil {
			errs = append(errs, fmt.Errorf("%s:%d: there is no %s", p.Path, link.Line, target))
			continue
		}
		if page, ok := pages[target]; ok && heading != "" && !slices.Contains(page.Anchors, heading) {
			errs = append(errs, fmt.Errorf("%s:%d: %s has no heading #%s", p.Path, link.Line, target, heading))
		}
	}
	return errors.Join(errs...)
}
