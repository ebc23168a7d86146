package provider

import (
	"fmt"
	"net"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// LeaseName is the name of the upstream Lease by which the replicas of a virtual node
// elect a leader.
func LeaseName(node string) string { return "spillway-node-" + node }

// newLease returns the lock that one replica at a time holds.
func newLease(config *rest.Config, opts Options, identity string) (resourcelock.Interface, error) {
	config = rest.CopyConfig(config)
	// Below the 10 s in which a leader must have renewed its lease, so that one
	// hanging request does not cost it.
	config.Timeout = leaseRequestTimeout
	clients, err := kubernetes.NewForConfig(rest.AddUserAgent(config, "leader-election"))
	if err != nil {
		return nil, fmt.Errorf("cannot set up the leader election: %w", err)
	}
	lock, err := resourcelock.New(resourcelock.LeasesResourceLock, opts.LeaderElectNamespace, LeaseName(opts.Name),
		clients.CoreV1(), clients.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: identity})
	if err != nil {
		return nil, fmt.Errorf("cannot set up the leader election: %w", err)
	}
	return lock, nil
}

// identity names this process among all candidates for the lease upstream and the
// claim downstream. It is the same
// after a restart in the same place, so that a process that was killed goes on
// at once instead of waiting for its own lease to run out; and two processes
// that live at the same time never share it, because it names a listening
// address, and only one of them can hold that:
//
//	<host>_<boot id of the kernel>_<network namespace>_<health address>
//
// Where a part is not to be had, a random name takes its place.
func identity(healthAddress string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	_, port, err := net.SplitHostPort(healthAddress)
	if err != nil || port == "0" || port == "" {
		return host + "_" + string(uuid.NewUUID())
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return host + "_" + string(uuid.NewUUID())
	}
	network, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return host + "_" + string(uuid.NewUUID())
	}
	return strings.Join([]string{host, strings.TrimSpace(string(boot)), network, healthAddress}, "_")
}
