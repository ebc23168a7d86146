// Package provider is the virtual node: one process of it stands for one
// downstream cluster, needs nothing there but a kubeconfig, and installs nothing.
//
//	provider/translate   upstream pod to downstream pod, and status back       pure
//	provider/capacity    what the downstream cluster can hold                  pure
//	provider/pods        makes the pods of both clusters equal                 Plan is pure
//	provider/orphans     downstream pods without an upstream pod               Judge is pure
//	provider/references  the ConfigMaps, Secrets and tokens that pods refer to Plan, Sweep are pure
//	provider/storage     the claims of pods, and their volumes                 Plan is pure
//	provider/services    upstream Services, reflected downstream               Plan is pure
//	provider/events      downstream events, shown at upstream pods             Mirror is pure
//	provider/anchor      refuses another downstream cluster than the last
//	provider/claim       lets one process at a time write downstream           Judge is pure
//	provider/node        keeps the Node object true
//	provider/stream      logs, exec, attach, port-forward; the list of pods
//	provider/stats       what the pods use, for kubectl top and autoscalers
//	provider/auth        who may have what the last two offer
//
// This package reads the options, opens both clusters with their caches, and
// has a manager run the parts: caches, probes and the kubelet API in every
// replica, everything that writes in the one that holds the lease. When it ends
// it deletes nothing, neither the Node nor pods: downstream they go on running,
// and the next process takes them over.
//
// It refuses to serve two downstream clusters in one process, and to guess: a
// missing or impossible option is an error that names the flag.
package provider
