package reference

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Commands is the page about every command below root: what it does, with its exit codes,
// and its flags with their defaults.
func Commands(root *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, written, "cmd/spillway")
	fmt.Fprintf(&b, "# Commands\n\n`%s`: %s. As `kubectl %[1]s` too, where the binary is on the PATH as kubectl-%[1]s.\n\n| command | |\n|---|---|\n", root.Name(), lowerFirst(root.Short))
	all := commands(root)
	for _, c := range all {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", c.CommandPath(), strings.ReplaceAll(c.CommandPath(), " ", "-"), cell(c.Short))
	}
	for _, c := range all {
		describe(&b, c)
	}
	return b.String()
}

// commands are those that do something, in the order of their names.
func commands(root *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if c.Runnable() {
			all = append(all, c)
		}
		all = append(all, commands(c)...)
	}
	return all
}

func describe(b *strings.Builder, c *cobra.Command) {
	fmt.Fprintf(b, "\n## %s\n\n```text\n%s\n```\n", c.CommandPath(), c.UseLine())
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	fmt.Fprintf(b, "\n```text\n%s\n```\n", strings.TrimSpace(text))
	if c.Example != "" {
		b.WriteString("\n```sh needs=\"files and clusters of your own; a test parses them\"\n")
		for _, line := range Examples(c) {
			b.WriteString(line + "\n")
		}
		b.WriteString("```\n")
	}
	head := "\n| flag | default | |\n|---|---|---|\n"
	c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		b.WriteString(head)
		head = ""
		name := "`--" + f.Name + "`"
		if f.Shorthand != "" {
			name = "`-" + f.Shorthand + "`, " + name
		}
		kind, usage := pflag.UnquoteUsage(f)
		if kind != "" {
			name += " " + kind
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, code(defaultOf(f)), cell(usage))
	})
}

// Examples are the lines of a command's examples.
func Examples(c *cobra.Command) []string {
	var lines []string
	for line := range strings.SplitSeq(c.Example, "\n") {
		if line = strings.TrimPrefix(line, "  "); strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// defaultOf is a flag's default as somebody would write it, or nothing.
func defaultOf(f *pflag.Flag) string {
	if f.DefValue == "[]" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(f.DefValue, "["), "]")
}

func lowerFirst(text string) string {
	if text == "" {
		return text
	}
	return strings.ToLower(text[:1]) + text[1:]
}
