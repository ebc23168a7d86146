package playground

import (
	"path/filepath"
	"strconv"
)

// Component names one of the programs that make a cluster.
type Component string

// The components of a cluster.
const (
	// Etcd is etcd; it cannot be left out.
	Etcd Component = "etcd"
	// APIServer is kube-apiserver; it cannot be left out.
	APIServer Component = "kube-apiserver"
	// ControllerManager is kube-controller-manager. Without it nothing makes
	// pods of a Deployment, and no namespace gets its service account.
	ControllerManager Component = "kube-controller-manager"
	// Scheduler is kube-scheduler.
	Scheduler Component = "kube-scheduler"
	// Kwok plays the kubelet of the nodes given in Options.Nodes.
	Kwok Component = "kwok"
)

// InClusterAddress is that of the service "kubernetes", the first of all services'
// addresses. Only with Options.InCluster does anybody answer there.
const InClusterAddress = "10.96.0.1"

// inClusterPort is the port of that service.
const inClusterPort = 443

// clientRate lifts the limits that controllers put on themselves by default:
// with 20 requests per second, every test with many pods would measure that.
const clientRate = 500

// addresses are where the servers of one cluster listen, the same over all
// restarts.
type addresses struct {
	etcdClient, etcdPeer, apiServer, controllerManager, scheduler, kubelets int
}

func (a *addresses) take(ports *Ports) error {
	for _, port := range []*int{&a.etcdClient, &a.etcdPeer, &a.apiServer, &a.controllerManager, &a.scheduler, &a.kubelets} {
		var err error
		if *port, err = ports.Take(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) etcdArgs() []string {
	client, peer := "http://"+loopback(c.ports.etcdClient), "http://"+loopback(c.ports.etcdPeer)
	return []string{
		"--data-dir=" + filepath.Join(c.dir, "etcd"),
		"--listen-client-urls=" + client,
		"--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer,
		"--initial-advertise-peer-urls=" + peer,
		"--initial-cluster=default=" + peer,
		"--unsafe-no-fsync", // survives our processes, not the machine
		"--log-level=warn",
	}
}

func (c *Cluster) apiServerArgs() []string {
	args := []string{
		"--etcd-servers=http://" + loopback(c.ports.etcdClient),
		"--bind-address=" + c.address,
		"--secure-port=" + strconv.Itoa(c.ports.apiServer),
		"--service-cluster-ip-range=10.96.0.0/16",
		"--tls-cert-file=" + c.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.pki("apiserver.key"),
		"--client-ca-file=" + c.pki("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.pki("service-accounts.key"),
		"--service-account-signing-key-file=" + c.pki("service-accounts.key"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--kubelet-client-certificate=" + c.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--allow-privileged=true",
	}
	args = append(args, c.aggregationArgs()...)
	args = append(args, c.auditArgs()...)
	if c.inCluster {
		args = append(args, "--bind-address=0.0.0.0", "--advertise-address="+c.address) // the last one counts
	}
	if c.address == loopbackAddress {
		return append(args, "--endpoint-reconciler-type=none") // it may not be an endpoint
	}
	return args
}

func (c *Cluster) controllerManagerArgs(kubeconfig string) []string {
	return append(c.servingArgs(c.ports.controllerManager, kubeconfig),
		"--use-service-account-credentials",
		"--service-account-private-key-file="+c.pki("service-accounts.key"),
		"--root-ca-file="+c.pki("ca.crt"),
		"--cluster-signing-cert-file="+c.pki("ca.crt"),
		"--cluster-signing-key-file="+c.pki("ca.key"),
		"--kube-api-qps="+strconv.Itoa(clientRate),
		"--kube-api-burst="+strconv.Itoa(2*clientRate),
	)
}

func (c *Cluster) schedulerArgs(kubeconfig string) []string {
	return append(c.servingArgs(c.ports.scheduler, kubeconfig),
		"--kube-api-qps="+strconv.Itoa(clientRate),
		"--kube-api-burst="+strconv.Itoa(2*clientRate),
	)
}

// servingArgs are what controller manager and scheduler have in common.
func (c *Cluster) servingArgs(port int, kubeconfig string) []string {
	return []string{
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig,
		"--authorization-kubeconfig=" + kubeconfig,
		"--leader-elect=false",
		"--bind-address=127.0.0.1",
		"--secure-port=" + strconv.Itoa(port),
		"--tls-cert-file=" + c.pki("apiserver.crt"),
		"--tls-private-key-file=" + c.pki("apiserver.key"),
	}
}

func (c *Cluster) kwokArgs(kubeconfig string) []string {
	args := []string{
		"--kubeconfig=" + kubeconfig,
		"--config=" + c.kwokFile(),
		"--manage-nodes-with-annotation-selector=" + fakeNodeAnnotation + "=" + fakeNodeValue,
		// kwok that was killed and started again waits until its old leases
		// have run out before it takes care of its nodes.
		"--node-lease-duration-seconds=8",
		"--cidr=10.244.0.0/16",
	}
	if c.kubeletAPI == "" {
		return args
	}
	// All nodes have one address: kwok finds the pod by what is asked.
	return append(args,
		"--node-ip="+loopbackAddress,
		"--node-port="+strconv.Itoa(c.ports.kubelets),
		"--server-address="+loopback(c.ports.kubelets), // or else it listens everywhere
		"--tls-cert-file="+c.pki("apiserver.crt"),
		"--tls-private-key-file="+c.pki("apiserver.key"),
	)
}

func (c *Cluster) pki(name string) string { return filepath.Join(c.dir, "pki", name) }

func (c *Cluster) kwokFile() string { return filepath.Join(c.dir, "kwok.yaml") }
