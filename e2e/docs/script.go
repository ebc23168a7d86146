package docs

import (
	"fmt"
	"path"
	"strings"
)

// prologue is what bash reads before a page's commands, so that their lines keep their
// numbers. %[1]s is the page. xtrace goes to a file of its own: its last line tells where
// a page stood that took too long.
const prologue = `unset BASH_ENV
page=%[1]s
exec {BASH_XTRACEFD}>"$PAGE_TRACE"
PS4='+$LINENO '
failed() { echo "$page:$1: exit code $2: $3" >&2; }
expect() {
	[[ $2 == "$1" ]] || { echo "$page:${BASH_LINENO[0]}: exit code $2, and the page says $1" >&2; exit 1; }
	trap 'failed $LINENO $? "$BASH_COMMAND"' ERR
	set -eE
}
trap 'failed $LINENO $? "$BASH_COMMAND"' ERR
set -Eeuo pipefail -x
`

// heredoc ends files. No line of a page is that.
const heredoc = "END_OF_FENCE"

// Script is the page as a program for bash: every line of it is empty but for those of
// commands and files, so the numbers of lines are those of the page.
func (p Page) Script() string {
	lines := make([]string, p.lines)
	for _, f := range p.Fences {
		switch {
		case f.Runs():
			copy(lines[f.Line:], f.Lines)
			if f.Exits != "" {
				lines[f.Line-1] = "trap - ERR; set +eE"
				lines[f.End-1] = "expect " + f.Exits + " $?"
			}
		case f.File != "":
			copy(lines[f.Line:], f.Lines)
			lines[f.Line-1] = fmt.Sprintf("mkdir -p '%s'; cat >'%s' <<'%s'", path.Dir(f.File), f.File, heredoc)
			lines[f.End-1] = heredoc
		}
	}
	for _, incident := range p.Incidents {
		signal := "STOP"
		if incident.Back {
			signal = "CONT"
		}
		lines[incident.Line-1] = fmt.Sprintf("kill -%s $PAGE_%s", signal, incident.Cluster)
	}
	return strings.Join(lines, "\n") + "\n"
}
