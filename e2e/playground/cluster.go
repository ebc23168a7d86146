package playground

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/e2e/binaries"
)

// politely is how long Stop lets each component end by itself.
const politely = 10 * time.Second

// Options describe a cluster. Name, Dir and Binaries must be set.
type Options struct {
	// Name names the cluster in messages and in its kubeconfigs.
	Name string
	// Dir receives everything the cluster writes, in a new folder named after
	// the cluster; no such folder may exist.
	Dir string
	// Binaries are the programs to run.
	Binaries binaries.Paths
	// Address is where the API server answers; the default is 127.0.0.1, which pods
	// of a real kubelet do not reach. An address of the machine they reach, and the
	// service "kubernetes" has it as its endpoint.
	Address string
	// Nodes exist once the cluster is ready, with kwok as their kubelet if
	// FakeNode made them.
	Nodes []*corev1.Node
	// Aggregation lets the API server pass requests on to the servers of other APIs,
	// as StartMetricsServer needs it. It costs three of the few inotify instances.
	Aggregation bool
	// InCluster has the API server answer where pods look for it, at the address of
	// the service "kubernetes", InClusterAddress, which must be one of this machine's:
	// nobody else makes services reachable. Address must be set too. The server then
	// listens on port 443 of all addresses, so no two clusters of a machine may.
	InCluster bool
	// KubeletAPI says what the kubelets of fake nodes answer when they are asked for
	// logs and the like: kwok's ClusterLogs, ClusterAttach and others, as YAML. Empty:
	// nobody answers. kwok asks nobody who they are, so whatever it says is there for
	// all users of this machine; a ClusterExec would give them kwok's rights.
	KubeletAPI string
	// Audit are rules of an audit policy, as YAML: what there is in AuditLog beside the
	// requests of Spillway's processes, and how much of those that they are about. The
	// first rule about a request counts, so none may leave Spillway's out. If it is empty
	// there is an audit log only where AuditVariable asks for it.
	Audit string
	// Cores are those of the machine on which all of the cluster's processes run, which
	// they share with whoever else is there; none are all.
	Cores []int
	// Without leaves components out.
	Without []Component
	// ExtraArgs are added to a component's own arguments. A flag given twice
	// has the last value, or both if it takes a list.
	ExtraArgs map[Component][]string
	// Env is added to the environment of all components, as KEY=value.
	Env []string
}

// Cluster is a Kubernetes cluster on this machine's loopback address.
type Cluster struct {
	// Etcd and APIServer always exist; the others are nil when left out. Each
	// can be stopped, killed and started while the cluster runs; WaitReady
	// tells when the cluster works again.
	Etcd, APIServer, ControllerManager, Scheduler, Kwok *Process

	name     string
	dir      string
	address  string
	nodes    []*corev1.Node
	binaries binaries.Paths
	// aggregation says that there are other API servers behind the cluster's.
	aggregation bool
	// inCluster is Options.InCluster.
	inCluster bool
	// kubeletAPI is Options.KubeletAPI.
	kubeletAPI string
	auditLog   string

	reserved Ports
	ports    addresses
	ca       *authority
	admin    keyPair
	client   kubernetes.Interface
}

// Start starts a cluster and returns when it works: the API server is ready,
// the controllers run, and every node of the options is Ready. When ctx ends
// before that, what was started is stopped again.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	c := &Cluster{
		name:     o.Name,
		dir:      filepath.Join(o.Dir, o.Name),
		address:  cmp.Or(o.Address, loopbackAddress),
		nodes:    o.Nodes,
		binaries: o.Binaries,

		aggregation: o.Aggregation,
		inCluster:   o.InCluster,
		kubeletAPI:  o.KubeletAPI,
	}
	if err := c.prepare(o); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot prepare cluster %s: %w", o.Name, err), c.reserved.Release())
	}
	if err := c.start(ctx, o); err != nil {
		// The caller's ctx may be what ended it; stopping has its own time.
		return nil, errors.Join(fmt.Errorf("cannot start cluster %s: %w", o.Name, err), c.Stop(context.WithoutCancel(ctx)))
	}
	return c, nil
}

// StartAll starts clusters at the same time and returns them in the order of
// their options. If one fails, all are stopped.
func StartAll(ctx context.Context, options ...Options) ([]*Cluster, error) {
	clusters := make([]*Cluster, len(options))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, o := range options {
		group.Go(func() (err error) {
			clusters[i], err = Start(groupCtx, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, StopAll(context.WithoutCancel(ctx), clusters...))
	}
	return clusters, nil
}

// StopAll stops clusters at the same time; nil ones need no stopping.
func StopAll(ctx context.Context, clusters ...*Cluster) error {
	var group errgroup.Group
	for _, c := range clusters {
		if c != nil {
			group.Go(func() error { return c.Stop(ctx) })
		}
	}
	return group.Wait()
}

// prepare does what needs no running process: the folder, ports, certificates
// and configuration files.
func (c *Cluster) prepare(o Options) error {
	if err := os.MkdirAll(filepath.Dir(c.dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(c.dir, 0o755); err != nil {
		return fmt.Errorf("a cluster needs a folder of its own: %w", err)
	}
	if err := c.ports.take(&c.reserved); err != nil {
		return err
	}
	if c.inCluster {
		c.ports.apiServer = inClusterPort
	}
	if err := c.writeCertificates(); err != nil {
		return err
	}
	if err := c.prepareAudit(o.Audit); err != nil {
		return err
	}
	if err := os.WriteFile(c.kwokFile(), []byte(stages+"---\n"+c.kubeletAPI), 0o600); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(c.AdminConfig())
	c.client = client
	return err
}

func (c *Cluster) writeCertificates() error {
	var err error
	if c.ca, err = newAuthority(c.name); err != nil {
		return err
	}
	if c.admin, err = c.ca.issueClient("admin", "system:masters"); err != nil {
		return err
	}
	server, err := c.ca.issueServer("kube-apiserver", loopbackAddress, c.address, "localhost", InClusterAddress,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc")
	if err != nil {
		return err
	}
	kubelet, err := c.ca.issueClient(kubeletClient)
	if err != nil {
		return err
	}
	serviceAccounts, err := newAuthority("service-accounts")
	if err != nil {
		return err
	}
	pki := c.pki("")
	return errors.Join(
		c.ca.pem.write(pki, "ca"),
		server.write(pki, "apiserver"),
		kubelet.write(pki, "kubelet-client"),
		serviceAccounts.pem.write(pki, "service-accounts"),
		c.writeKubeconfig(c.AdminKubeconfig(), "admin", c.admin),
		c.writeFrontProxy(),
	)
}

// start brings the components up in the order in which they need each other.
func (c *Cluster) start(ctx context.Context, o Options) error {
	run := func(component Component, path string, args []string) (*Process, error) {
		return startOn(o.Cores, o.Env, string(component), filepath.Join(c.dir, "logs"), path, append(args, o.ExtraArgs[component]...)...)
	}
	var err error
	if c.Etcd, err = run(Etcd, o.Binaries.Etcd, c.etcdArgs()); err != nil {
		return err
	}
	if err := c.waitEtcd(ctx); err != nil {
		return err
	}
	if c.APIServer, err = run(APIServer, o.Binaries.APIServer, c.apiServerArgs()); err != nil {
		return err
	}
	if err := c.waitAPIServer(ctx); err != nil {
		return err
	}
	if err := c.Apply(ctx, clusterRoles); err != nil {
		return err
	}
	controllers := []struct {
		component  Component
		path, user string
		args       func(kubeconfig string) []string
		process    **Process
	}{
		{ControllerManager, o.Binaries.ControllerManager, "system:kube-controller-manager", c.controllerManagerArgs, &c.ControllerManager},
		{Scheduler, o.Binaries.Scheduler, "system:kube-scheduler", c.schedulerArgs, &c.Scheduler},
		{Kwok, o.Binaries.Kwok, kwokUser, c.kwokArgs, &c.Kwok},
	}
	for _, k := range controllers {
		if slices.Contains(o.Without, k.component) {
			continue
		}
		kubeconfig, err := c.Kubeconfig(k.user)
		if err != nil {
			return err
		}
		if *k.process, err = run(k.component, k.path, k.args(kubeconfig)); err != nil {
			return err
		}
	}
	if err := c.CreateNodes(ctx, c.nodes...); err != nil {
		return err
	}
	return c.WaitReady(ctx)
}

// Stop ends the components in the order that lets each end by itself: clients
// before the API server, the API server before etcd. What does not end in time,
// or by the end of ctx, is killed.
func (c *Cluster) Stop(ctx context.Context) error {
	var errs []error
	for _, together := range [][]*Process{{c.ControllerManager, c.Scheduler, c.Kwok}, {c.APIServer}, {c.Etcd}} {
		errs = append(errs, stopTogether(ctx, together))
	}
	return errors.Join(append(errs, c.reserved.Release())...)
}

func stopTogether(ctx context.Context, processes []*Process) error {
	ctx, cancel := context.WithTimeout(ctx, politely)
	defer cancel()
	var group errgroup.Group
	for _, p := range processes {
		if p != nil {
			group.Go(func() error { return p.Stop(ctx) })
		}
	}
	return group.Wait()
}

// Name is the name given in the options.
func (c *Cluster) Name() string { return c.name }

// Dir is the folder that holds everything the cluster writes.
func (c *Cluster) Dir() string { return c.dir }

// APIServerURL is where the API server answers, the same over restarts.
func (c *Cluster) APIServerURL() string {
	return "https://" + net.JoinHostPort(c.address, strconv.Itoa(c.ports.apiServer))
}

// CA is the certificate, PEM, of the authority that certifies the cluster's
// servers and users.
func (c *Cluster) CA() []byte { return c.ca.pem.cert }

// Client acts as the administrator.
func (c *Cluster) Client() kubernetes.Interface { return c.client }
