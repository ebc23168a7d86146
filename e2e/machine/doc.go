// Package machine gives a test binary a machine of its own inside this one, so
// that a kubelet and its containers can be started and nothing of them is left:
// the binary runs itself again in new PID, mount and network namespaces.
//
//	func TestMain(m *testing.M) {
//		if machine.Outside() {
//			// Whatever needs the network, or is worth doing once: build, download.
//		}
//		code, err := machine.Run(m.Run)
//		...
//	}
//
// Three processes of the same binary take part. The one that `go test` started
// stays outside; it makes the folder and the cgroup below, waits, and removes
// them. The second is the first process of the new machine; it sets it up,
// starts the third, which runs the tests, and waits for orphans. When the first
// process of a PID namespace ends, the kernel kills all others in it, and the
// namespaces go with them: no containers, shims, mounts, or network devices
// stay behind, however a run ends.
//
// Inside, 127.0.0.1 is the machine's own, and Address is an address that a
// kubelet takes. No packet leaves the machine. /run and the folders that
// container programs use without being asked are empty and in memory.
//
// It needs root and Linux; where that is missing Run says so with ErrUnavailable
// and changes nothing. It is no sandbox: files of the machine outside are the
// same files.
package machine
