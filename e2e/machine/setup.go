package machine

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Address is the machine's address: one that is not the loopback's, as a kubelet
// wants it. Everything inside reaches it, nothing outside does.
const Address = "10.99.0.1"

// device is what the machine's addresses are on.
const device = "machine0"

// nowhere is where packets go that are for nobody inside. Nobody has it; without
// a default route the API server finds no address of its own.
const nowhere = "10.99.0.254"

// setUp turns fresh namespaces into a machine.
func setUp() error {
	// Nothing that is mounted from here on is seen outside; containers may share
	// mounts among themselves.
	if err := errors.Join(
		mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE),
		mount("", "/", "", unix.MS_REC|unix.MS_SHARED),
		mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC),
	); err != nil {
		return err
	}
	for _, dir := range ownFolders() {
		if err := mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV); err != nil {
			return err
		}
	}
	return errors.Join(pretendTunables(), setUpNetwork())
}

// pretendTunables shows a kubelet the kernel settings it insists on. It would
// write them otherwise, and they are not the machine's alone.
func pretendTunables() error {
	const pretences, tunables = "/run/tunables/", "/proc/sys/"
	if err := os.Mkdir(pretences, 0o755); err != nil {
		return err
	}
	for path, value := range map[string]int{
		"vm/overcommit_memory":      1,
		"vm/panic_on_oom":           0,
		"kernel/panic":              10,
		"kernel/panic_on_oops":      1,
		"kernel/keys/root_maxkeys":  1_000_000,
		"kernel/keys/root_maxbytes": 25_000_000,
	} {
		pretence := pretences + strings.ReplaceAll(path, "/", ".")
		if err := os.WriteFile(pretence, []byte(strconv.Itoa(value)+"\n"), 0o600); err != nil {
			return err
		}
		if err := mount(pretence, tunables+path, "", unix.MS_BIND); err != nil {
			return err
		}
	}
	return nil
}

// setUpNetwork brings the loopback device up and gives the machine its address,
// on a bridge without ports.
func setUpNetwork() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("cannot find the loopback device: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: device}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("cannot make a bridge: %w", err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(Address), Mask: net.CIDRMask(24, 32)}}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return fmt.Errorf("cannot give the bridge its address: %w", err)
	}
	for _, link := range []netlink.Link{lo, bridge} {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("cannot bring %s up: %w", link.Attrs().Name, err)
		}
	}
	if err := netlink.RouteAdd(&netlink.Route{LinkIndex: bridge.Index, Gw: net.ParseIP(nowhere)}); err != nil {
		return fmt.Errorf("cannot add a default route: %w", err)
	}
	return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
}

// AddAddress gives the machine one more address, for what a network would lead to
// it otherwise.
func AddAddress(ip string) error {
	bridge, err := netlink.LinkByName(device)
	if err != nil {
		return fmt.Errorf("cannot find the machine's network device: %w", err)
	}
	address := &netlink.Addr{IPNet: &net.IPNet{IP: net.ParseIP(ip), Mask: net.CIDRMask(32, 32)}}
	if err := netlink.AddrAdd(bridge, address); err != nil {
		return fmt.Errorf("cannot give the machine the address %s: %w", ip, err)
	}
	return nil
}

func mount(source, target, kind string, flags uintptr) error {
	if err := unix.Mount(source, target, kind, flags, ""); err != nil {
		return fmt.Errorf("cannot mount %s: %w", target, err)
	}
	return nil
}
