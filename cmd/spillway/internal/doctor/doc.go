// Package doctor finds what is wrong with an installation, as the API servers of its
// clusters see it, and says what to do. It looks, and never changes anything.
//
//	site          what several checks look at, gathered once
//	certificates  the certificates of webhooks, and who is trusted for them
//	admission     what becomes of a pod that opts in; other webhooks; OpenKruise
//	access        rights in both clusters
//	versions      versions, kinds and images that do not fit; clocks
//	nodes         virtual nodes: whether they work, and who may reach their kubelet API
//	leftovers     what is downstream without anything upstream
//	policies      labels, WorkloadSpreads and SidecarSets that cannot mean what they say
//	finding       what a check says
//
// A check gathers, and then judges what it has by a function from values to findings.
// Checks run at the same time; one that fails does not keep others from speaking.
//
//	checks.go  the table of checks
//	run.go     runs them
//	report.go  what they said, as one value                        pure
//	text.go    the same for people, the worst first                pure
//
// It refuses to guess: what it may not read, or cannot reach, is listed with the
// reason.
package doctor
