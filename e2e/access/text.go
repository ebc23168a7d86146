package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// Text says the verdict as a table, with what it was judged by.
func (v Verdict) Text(e Evidence) string {
	var b strings.Builder
	programs := slices.Sorted(maps.Keys(e.Programs))
	requests := 0
	for _, seen := range e.Uses.Seen {
		requests += seen.Allowed + seen.Forbidden
	}
	fmt.Fprintf(&b, "Roles: %d grants, and %d requests of Spillway's processes in clusters of %s.\n",
		len(e.Grants), requests, strings.Join(programs, ", "))
	if e.Uses.Unreadable > 0 {
		fmt.Fprintf(&b, "%d lines of audit logs could not be read.\n", e.Uses.Unreadable)
	}
	if e.Partial {
		b.WriteString("##### ONLY SOME STORIES RAN: that grants were not used proves nothing, so NONE IS JUDGED for it. #####\n")
	}
	v.tables(&b)
	if v.OK() && !e.Partial {
		fmt.Fprintf(&b, "Each of the others was used, %d by exception, and nothing else was.\n", v.Excepted)
	}
	return b.String()
}

func (v Verdict) tables(b *strings.Builder) {
	var unused, ungranted, needless, unjudged [][]string
	for _, g := range v.Unused {
		unused = append(unused, g.cells())
	}
	for _, u := range v.Ungranted {
		ungranted = append(ungranted, append(u.cells(), fmt.Sprintf("%d allowed, %d refused", u.Allowed, u.Forbidden),
			"in "+strings.Join(slices.Sorted(maps.Keys(u.Programs)), ", ")))
	}
	for _, x := range v.Needless {
		needless = append(needless, []string{x.Holder, strings.Join(x.Verbs, ","), what(x.Group, x.Resource, strings.Join(x.Names, ","), x.URL), x.Reason})
	}
	for _, u := range v.Unjudged {
		unjudged = append(unjudged, append(u.Grant.cells(), "needs "+strings.Join(u.Only, " or "), u.Reason))
	}
	table(b, "GRANTED BUT NEVER USED. Add the story that needs it, or take it from the role:", unused)
	table(b, "USED BUT NOT GRANTED. Grant it in the chart, or do without:", ungranted)
	table(b, "EXCEPTIONS THAT ARE NOT NEEDED. Take them out:", needless)
	table(b, "##### NOT JUDGED, since what would use it did not run here: #####", unjudged)
}

func table(b *strings.Builder, title string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		_, _ = fmt.Fprintln(w, "  "+strings.Join(row, "\t")) // a Builder takes everything
	}
	_ = w.Flush()
}

func (g Grant) cells() []string {
	return []string{g.Holder, g.Verb, what(g.Group, g.Resource, g.Name, g.URL), "in " + g.Role}
}

func (u Ungranted) cells() []string {
	where := what(u.Group, u.Resource, u.Name, u.URL)
	if u.Namespace != "" {
		where += " in " + u.Namespace
	}
	return []string{u.Holder, u.Verb, where}
}

// what names a resource as kubectl does, with the name of an object behind it.
func what(group, resource, name, url string) string {
	if url != "" {
		return url
	}
	if group != "" {
		base, sub, has := strings.Cut(resource, "/")
		resource = base + "." + group
		if has {
			resource += "/" + sub
		}
	}
	if name != "" {
		resource += " " + name
	}
	return resource
}
