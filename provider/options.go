package provider

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// minProbeInterval and maxProbeInterval bound how often the downstream API server
// is asked: more often is a load, and its timeout too short for any answer; more
// seldom, and Kubernetes' own clocks for lost nodes have run out before.
const (
	minProbeInterval = 100 * time.Millisecond
	maxProbeInterval = time.Minute
)

// Options configure Run. Fields without a default must be set.
type Options struct {
	// Upstream and Downstream are how to reach the two clusters. A rate limit in
	// them holds up bursts; the API servers have their own.
	Upstream, Downstream *rest.Config
	// Name is the virtual node's name. It is a label value downstream, so it has
	// at most 63 characters.
	Name string
	// Labels are further labels of the Node; those of every virtual node win.
	Labels map[string]string
	// RoutingKeys are the node labels whose requirements stay upstream. They must
	// be the webhook's.
	RoutingKeys stash.RoutingKeys
	// InternalIP is the Node's address, and the host address of its pods.
	InternalIP string
	// Version is Spillway's own, part of the Node's kubelet version.
	Version string
	// Workers is how many pods are worked on at a time; at least 1.
	Workers int
	// Rules are how pods are translated. Their Identity holds the Namespaces only,
	// the rest of it comes from the fields above.
	Rules translate.Rules
	// ProbeInterval is how often the downstream API server is asked whether it is
	// ready, from 100 ms to 1 minute. The third failure in a row makes the Node
	// NotReady.
	ProbeInterval time.Duration
	// Policy is what of the downstream cluster is offered.
	Policy capacity.Policy
	// CollectGarbage says what becomes of copies of ConfigMaps and Secrets that no
	// pod uses any more; empty is references.Collect.
	CollectGarbage references.Mode
	// DeleteOrphans says what becomes of downstream pods without an upstream pod; empty
	// is orphans.Delete.
	DeleteOrphans orphans.Mode
	// StrandedAfter is how long the end of a pod that was deleted downstream may be
	// overdue before its upstream pod is deleted, to be replaced; 0 is for ever.
	StrandedAfter time.Duration
	// MirrorEvents shows events about downstream pods upstream.
	MirrorEvents bool
	// ReflectServices has the Services of namespaces that opted in exist downstream
	// too; api.ReflectServicesAnnotation decides for single namespaces.
	ReflectServices bool

	// KubeletAddress is the host:port that serves the kubelet API over HTTPS; "0"
	// turns it off. The Node names its port, with InternalIP, to API servers.
	KubeletAddress string
	// KubeletCertificate says where the certificate of the kubelet API comes from;
	// empty is CertificateFiles if there is a TLSCertFile, else CertificateSelfSigned.
	KubeletCertificate CertificateMode
	// TLSCertFile and TLSKeyFile are the kubelet API's certificate and key, PEM,
	// read again when they change, with CertificateFiles.
	TLSCertFile, TLSKeyFile string
	// KubeletCertificateDir keeps certificate and key of CertificateCSR over restarts
	// of the process; empty is memory only.
	KubeletCertificateDir string
	// ClientCAFile has the certificates, PEM, of those who certify clients of the
	// kubelet API, read again when they change. Without it clients need tokens.
	ClientCAFile string

	// LeaderElect has all replicas but one wait, by a Lease named
	// spillway-node-<Name>.
	LeaderElect bool
	// LeaderElectNamespace is the upstream namespace of that Lease.
	LeaderElectNamespace string
	// ClaimNamespace is the downstream namespace of the Lease by which one process at
	// a time claims to write there for this virtual node; it is created if missing.
	ClaimNamespace string
	// HealthAddress serves /healthz and /readyz over HTTP; "0" turns it off.
	HealthAddress string
	// MetricsAddress serves /metrics over HTTP; "0" turns it off.
	MetricsAddress string
	// ProfileAddress serves /debug/pprof over HTTP, to whoever asks: it must be a
	// loopback address. Empty turns it off.
	ProfileAddress string
	// Metrics is where the metrics are registered.
	Metrics prometheus.Registerer
	// Traces records the way of pods whose admission was recorded; nil: it is not.
	Traces trace.TracerProvider
}

// Validate names every flag of `spillway node` that cannot work.
func (o Options) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	check(o.Upstream != nil, "--kubeconfig: no upstream cluster")
	check(o.Downstream != nil, "--downstream-kubeconfig: no downstream cluster")
	errs = append(errs, validateName(o.Name))
	errs = append(errs, validateLabels(o.Labels)...)
	check(slices.Contains(o.RoutingKeys, api.NodeTypeLabel), "--routing-keys: %q must be among them, since placement requires it", api.NodeTypeLabel)
	address, err := netip.ParseAddr(o.InternalIP)
	check(err == nil && address.Zone() == "", "--internal-ip %q: not an IP address without a zone", o.InternalIP)
	_, err = kubeletPort(o.KubeletAddress)
	check(err == nil, "--kubelet-address %q: %v", o.KubeletAddress, err)
	validateCertificate(o, check)
	errs = append(errs, validateRules(o.Rules)...)
	check(o.CollectGarbage.Valid(), "--collect-garbage %q: collect, preview or off", o.CollectGarbage)
	check(o.ProbeInterval >= minProbeInterval && o.ProbeInterval <= maxProbeInterval,
		"--probe-interval %s: from %s to %s", o.ProbeInterval, minProbeInterval, maxProbeInterval)
	check(o.DeleteOrphans.Valid(), "--delete-orphans %q: delete, preview or off", o.DeleteOrphans)
	check(o.StrandedAfter >= 0, "--stranded-after %s: 0 or more", o.StrandedAfter)
	check(o.Workers >= 1, "--pod-workers %d: at least 1 is needed", o.Workers)
	check(!o.LeaderElect || o.LeaderElectNamespace != "", "--leader-elect-namespace: needed with --leader-elect")
	problems := validation.IsDNS1123Label(o.ClaimNamespace)
	check(len(problems) == 0, "--claim-namespace %q: %s", o.ClaimNamespace, strings.Join(problems, "; "))
	check(o.ProfileAddress == "" || isLoopback(o.ProfileAddress), "--profile-address %q: no host:port whose host is a loopback address, such as 127.0.0.1:6060", o.ProfileAddress)
	check(o.Metrics != nil, "metrics: no registry")
	return errors.Join(errs...)
}

// kubeletPort is the port in an address to listen at; 0 when it is turned off.
func kubeletPort(address string) (int32, error) {
	if address == "0" {
		return 0, nil
	}
	_, digits, err := net.SplitHostPort(address)
	if err != nil {
		return 0, errors.New(`neither host:port nor "0"`)
	}
	// The Node has to name it before anything listens.
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("a port from 1 to 65535 is needed")
	}
	return int32(port), nil
}

// isLoopback says that an address to listen at is reached by this machine only.
func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}

// validateName refuses what the API would, and names that cannot be a label
// value: downstream, a pod's node is a label.
func validateName(name string) error {
	if name == "" {
		return errors.New("--name: the virtual node needs a name")
	}
	if len(name) > content.LabelValueMaxLength {
		return fmt.Errorf("--name %q: %d characters, but a virtual node's name is a label value downstream and has at most %d", name, len(name), content.LabelValueMaxLength)
	}
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
		return fmt.Errorf("--name %q: %s", name, strings.Join(problems, "; "))
	}
	return nil
}

func validateLabels(labels map[string]string) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		for _, problem := range append(validation.IsQualifiedName(key), validation.IsValidLabelValue(labels[key])...) {
			errs = append(errs, fmt.Errorf("--node-labels %s=%s: %s", key, labels[key], problem))
		}
	}
	return errs
}
