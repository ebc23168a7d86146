// Package playground runs real Kubernetes clusters on this machine, for tests
// and for the demo: etcd, kube-apiserver with TLS, RBAC and the Node authorizer,
// kube-controller-manager and kube-scheduler with their own identities, and
// nodes whose kubelet is played by kwok. There are no containers and no
// privileges involved, unless StartKubelet is called; nothing listens on anything
// but the loopback address. It runs on Linux.
//
// Two clusters of which one overflows into the other:
//
//	paths, err := binaries.Components(ctx, binaries.Options{Out: os.Stderr})
//	spillway, err := binaries.Spillway(ctx, binaries.Options{})
//
//	clusters, err := playground.StartAll(ctx,
//		playground.Options{Name: "upstream", Dir: dir, Binaries: paths},
//		playground.Options{Name: "downstream", Dir: dir, Binaries: paths, Nodes: []*corev1.Node{
//			playground.FakeNode("east-1", playground.Zone("a"), playground.Label("disktype", "ssd")),
//			playground.FakeNode("east-2", playground.Taint("dedicated", "batch", corev1.TaintEffectNoSchedule)),
//		}})
//	defer playground.StopAll(ctx, clusters...)
//
//	webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{
//		Binary: spillway, Upstream: clusters[0]})
//	node, err := playground.StartVirtualNode(ctx, playground.VirtualNodeOptions{
//		Binary: spillway, Name: "east", Upstream: clusters[0], Downstream: clusters[1]})
//
//	err = clusters[0].Apply(ctx, manifest)
//	err = playground.Eventually(ctx, "all pods run", func(ctx context.Context) error { ... })
//
// Whatever runs is a Process: it can be stopped, killed and started again with
// the same arguments, address and data, and waited for.
//
//	err = clusters[1].APIServer.Kill()  // the downstream cluster is unreachable
//	err = clusters[1].APIServer.Start()
//	err = clusters[1].WaitReady(ctx)
//
//	err = node.Kill()                   // so is the virtual node, for a while
//	err = node.Start()
//	err = node.WaitReady(ctx)
//
// Several webhooks behind one address, as behind a Service:
//
//	balancer, err := playground.StartBalancer(ctx, clusters[0])
//	for _, name := range []string{"webhook-1", "webhook-2"} {
//		webhook, err := playground.StartWebhook(ctx, playground.WebhookOptions{
//			Binary: spillway, Upstream: clusters[0], Name: name, Balancer: balancer})
//	}
//
// Who acts is part of a test. Client, AdminConfig and Kubectl act as the
// administrator; Kubeconfig certifies any other user, who may do what RBAC
// grants. Spillway's processes act as users with exactly the chart's roles, see
// Roles; API servers log what they use of them where AuditVariable asks for that.
//
// Pods on a FakeNode run as soon as they are bound and go as soon as they are
// deleted. One that is not restarted for ever (restartPolicy Never or OnFailure)
// succeeds after a second, or after the time its annotation
// playground.spillway.io/run-for says ("90s"). Nobody has logs of them, or runs
// commands in them, unless Options.KubeletAPI says what kwok answers.
//
// A node with a real kubelet, and containerd below it, on a machine of its own
// (package machine), which takes root:
//
//	kubelet, err := playground.StartKubelet(ctx, playground.KubeletOptions{
//		Name: "metal", Cluster: clusters[1], Binaries: containers, Cgroup: cgroup,
//		Address: machine.Address, PodCIDR: "10.245.0.0/24",
//		Images: []images.Image{images.App("app:1"), images.App("app:2")}})
//
// On such a machine pods may also use their cluster's API server, as pods do:
//
//	err := machine.AddAddress(playground.InClusterAddress)
//	cluster, err := playground.Start(ctx, playground.Options{
//		Name: "upstream", Dir: dir, Binaries: paths, Address: machine.Address, InCluster: true})
//
// Everything a cluster writes is below Options.Dir, its processes' logs in
// logs/. No process outlives the one that started it, even if that is killed.
// Readiness is always a condition that is waited for within a context's
// deadline, and errors carry the last lines that a failed process printed.
//
// The package knows Spillway by its command line and by the keys of package api
// only: what it shows is what a user would see.
package playground
