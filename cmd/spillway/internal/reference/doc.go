// Package reference writes docs/reference from what the program is made of: the keys of
// package api, the flags of its commands, and the values of the chart. So a key, a flag or
// a value is described once, where it is declared.
//
// It returns pages and neither reads nor writes a file: the test of cmd/spillway does, which
// fails when a page is stale, and which `make golden` has write them anew. No part of the
// program that is installed uses it. It describes nothing itself; what a page lacks is
// missing where the thing is declared.
package reference

import "strings"

// written stands on top of every page. %s is where what it says is declared.
const written = "<!-- Written from %s by `make golden`; edit that instead. -->\n"

// cell is text that fits into a cell of a table: on one line, without its end, and without
// what would be taken for HTML outside of code.
func cell(text string) string {
	parts := strings.Split(strings.Join(strings.Fields(text), " "), "`")
	for i := range parts {
		if i%2 == 0 {
			parts[i] = strings.ReplaceAll(parts[i], "<", "&lt;")
		}
	}
	return strings.ReplaceAll(strings.Join(parts, "`"), "|", `\|`)
}

// code is text as code, or nothing.
func code(text string) string {
	if text == "" {
		return ""
	}
	return cell("`" + text + "`")
}
