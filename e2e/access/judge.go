package access

import (
	"maps"
	"slices"
	"strings"
)

// Exception keeps a grant that is not used, or only in some places.
type Exception struct {
	// Holder, Group, Resource and URL are a grant's. Verbs are those it is about, and
	// Names, if there are any.
	Holder, Group, Resource, URL string
	Verbs, Names                 []string
	// Only are the programs that alone need the grant, for instance because they take a
	// real kubelet. Where none of them ran, the grant is not judged, and where one did,
	// there is no exception. Empty: no program needs it.
	Only []string
	// Sometimes says that a race decides whether a run uses it. That is no proof of
	// anything, so it is for what reads or puts right, and for nothing else.
	Sometimes bool
	// Reason is a sentence for the reader of the roles.
	Reason string
}

// Evidence is what there is to judge by.
type Evidence struct {
	Grants []Grant
	Uses   *Uses
	// Extra are grants that are not judged, of holders who have those of As besides.
	// What they cover proves nothing about those.
	Extra []Grant
	As    map[string]string
	// Programs are those whose clusters were seen at all.
	Programs map[string]bool
	// Partial says that only a part of the programs' tests ran: what was not used
	// proves nothing then.
	Partial bool
}

// Verdict has what is wrong, and what could not be told.
type Verdict struct {
	// Unused are granted and never used.
	Unused []Grant
	// Ungranted are used and not granted; those that differ in names only are one.
	Ungranted []Ungranted
	// Needless are exceptions that except nothing.
	Needless []Exception
	// Unjudged are grants that only programs need which did not run.
	Unjudged []Unjudged
	// Excepted is how many grants exceptions keep.
	Excepted int
}

// Ungranted is a use that no grant covers, with one of its names as the example.
type Ungranted struct {
	Use
	Seen
}

// Unjudged is a grant, and the exception that says why.
type Unjudged struct {
	Grant
	Exception
}

// OK says whether nothing is wrong.
func (v Verdict) OK() bool { return len(v.Unused)+len(v.Ungranted)+len(v.Needless) == 0 }

// Judge compares.
func Judge(e Evidence, exceptions []Exception) Verdict {
	var v Verdict
	uses := e.uses()
	v.unused(e, uses, exceptions)
	v.ungranted(e, uses)
	return v
}

// uses are those that are to be judged.
func (e Evidence) uses() map[Use]*Seen {
	uses := map[Use]*Seen{}
	for use, seen := range e.Uses.Seen {
		if as, ok := e.As[use.Holder]; ok {
			if covered(e.Extra, use) {
				continue
			}
			use.Holder = as
		}
		if uses[use] == nil {
			uses[use] = &Seen{Programs: map[string]bool{}}
		}
		uses[use].add(seen)
	}
	return uses
}

func (s *Seen) add(more *Seen) {
	s.Allowed += more.Allowed
	s.Forbidden += more.Forbidden
	maps.Copy(s.Programs, more.Programs)
}

func covered(grants []Grant, use Use) bool {
	return slices.ContainsFunc(grants, func(g Grant) bool { return g.Covers(use) })
}

func (v *Verdict) unused(e Evidence, uses map[Use]*Seen, exceptions []Exception) {
	if e.Partial {
		return
	}
	needed := make([]bool, len(exceptions))
	for _, grant := range e.Grants {
		programs := usedBy(grant, uses)
		at := slices.IndexFunc(exceptions, func(x Exception) bool { return x.about(grant) })
		if at < 0 {
			if len(programs) == 0 {
				v.Unused = append(v.Unused, grant)
			}
			continue
		}
		x := exceptions[at]
		switch {
		case x.Sometimes:
			needed[at] = true
			v.Excepted++
		case len(x.Only) == 0:
			needed[at] = needed[at] || len(programs) == 0
			v.Excepted++
		case !slices.ContainsFunc(x.Only, func(program string) bool { return e.Programs[program] }):
			needed[at] = needed[at] || len(programs) == 0
			v.Unjudged = append(v.Unjudged, Unjudged{grant, x})
		case len(programs) == 0:
			needed[at] = true // for whoever cannot run that program; the grant is at fault
			v.Unused = append(v.Unused, grant)
		default:
			needed[at] = needed[at] || x.onlyBy(programs)
			v.Excepted++
		}
	}
	for i, x := range exceptions {
		if !needed[i] {
			v.Needless = append(v.Needless, x)
		}
	}
}

// onlyBy says whether only programs used it that the exception names.
func (x Exception) onlyBy(programs map[string]bool) bool {
	for program := range programs {
		if !slices.Contains(x.Only, program) {
			return false
		}
	}
	return true
}

// usedBy are the programs that were allowed what the grant covers.
func usedBy(grant Grant, uses map[Use]*Seen) map[string]bool {
	programs := map[string]bool{}
	for use, seen := range uses {
		if seen.Allowed > 0 && grant.Covers(use) {
			maps.Copy(programs, seen.Programs)
		}
	}
	return programs
}

func (v *Verdict) ungranted(e Evidence, uses map[Use]*Seen) {
	alike := map[Use]*Ungranted{}
	for use, seen := range uses {
		if forEverybody(use) || covered(e.Grants, use) {
			continue
		}
		class := use
		class.Name, class.Namespace = "", ""
		if alike[class] == nil {
			alike[class] = &Ungranted{Use: use, Seen: Seen{Programs: map[string]bool{}}}
		}
		alike[class].add(seen)
	}
	for _, u := range alike {
		v.Ungranted = append(v.Ungranted, *u)
	}
	slices.SortFunc(v.Ungranted, func(a, b Ungranted) int { return strings.Compare(a.sortKey(), b.sortKey()) })
}

// forEverybody says whether every cluster allows that to whoever is known to it, by
// the roles system:discovery, system:public-info-viewer and system:basic-user.
func forEverybody(u Use) bool {
	if u.URL == "" {
		return u.Verb == "create" && slices.Contains([]string{"authorization.k8s.io", "authentication.k8s.io"}, u.Group) && strings.HasPrefix(u.Resource, "selfsubject")
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(u.URL, "/"), "/")
	return u.Verb == "get" && slices.Contains([]string{"api", "apis", "openapi", "healthz", "livez", "readyz", "version"}, first)
}

func (x Exception) about(g Grant) bool {
	return x.Holder == g.Holder && x.Group == g.Group && x.Resource == g.Resource && x.URL == g.URL &&
		x.names(g.Name) && slices.Contains(x.Verbs, g.Verb)
}

func (x Exception) names(name string) bool {
	return len(x.Names) == 0 || slices.Contains(x.Names, name)
}

func (u Use) sortKey() string {
	return strings.Join([]string{u.Holder, u.Group, u.Resource, u.URL, u.Verb}, "\x00")
}
