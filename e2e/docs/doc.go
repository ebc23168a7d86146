// Package docs runs the documentation: README.md, README.zh.md and docs/**/*.md. What a
// reader types has to work, and what a reader copies has to be valid.
//
// Run one page, or all:
//
//	cd e2e && go test -run 'TestDocs/docs/guide/opt-in.md' ./docs
//	cd e2e && go test ./docs
//
// Every fence names its language; one without is an error, with file and line.
//
//	```sh                    commands. Those of a page run in their order in one
//	                         bash -euo pipefail: directory, variables and background
//	                         processes carry over, and the page ends the latter itself
//	```sh exits=3            one command, which is to end with that exit code
//	```sh needs="containers" not run, but counted, and printed with its need
//	```yaml file=pod.yaml    written to that file where it stands between the commands
//	```yaml                  must parse; whole objects (apiVersion and kind) must pass a
//	                         strict server-side dry run. needs="..." spares them that
//	```json ```go ```promql  must parse
//	```text                  output, pictures of text: not checked, but has no commands
//
// Code that is no such fence, since it is indented, behind the mark of a list or HTML, is
// an error too. Commands in backticks within a sentence are not run. Decisions are records
// that nobody edits later, so they have no sh fences: they would become false and fail.
//
// A translation, such as README.zh.md, has the original's fences, but for texts; so only
// the original's run.
//
// A page runs in a directory of its own. There are east.kubeconfig (administrator of the
// downstream cluster), docs/examples, charts and bin/spillway as in the checkout; on PATH
// kubectl, helm, spillway and kubectl-spillway; KUBECONFIG is that of an administrator
// upstream, and HOME is empty. An HTML comment in the page says against what it runs:
//
//   - nothing: one playground for all such pages at once, so its commands speak of the
//     page's own namespace. That is the kubeconfigs' current one, so a page need not say
//     it: docs/guide/opt-in.md has docs-guide-opt-in. What has no namespace, or one that
//     the page makes itself, needs a name that no other page has. Upstream are nodes own-1
//     and own-2 (labels pool=own, disktype=ssd, zones a and b) and the virtual node east;
//     downstream east-1 and east-2 (disktype=ssd and hdd, zones a and b); webhook and
//     virtual node run as processes, not as a Helm release;
//   - <!-- runs on: clusters with Spillway -->: the same, for this page only, in the
//     namespace default. It may cordon, break and delete what it likes;
//   - <!-- runs on: two downstream clusters with Spillway -->: the same, and beside east
//     there is west, with west.kubeconfig, west-1, west-2 and the virtual node west;
//   - <!-- runs on: clusters -->: two such clusters without Spillway, for this page only.
//     Nothing that is installed there gets containers, though its pods look Ready.
//
// In clusters of its own a page may have things happen that nobody types:
// <!-- happens: east does not answer --> stops the downstream API server from answering,
// <!-- happens: east answers again --> ends that. A virtual node notices after three
// probes, which are one second apart here.
//
// Containers never run (kwok plays the kubelets), so pods are Running at once and
// `kubectl logs` has one line; exec, cp, top and port-forward need containers. Commands
// wait for conditions, with kubectl wait or rollout status, and never sleep.
//
// Links within the checkout lead to files and headings that there are.
//
// The package refuses to compare what commands print: pages show output of days that are
// gone, with ages and names of their own.
package docs
