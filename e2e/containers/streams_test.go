package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
)

// runsPod applies a pod upstream that only the virtual node takes, and waits
// until it is ready there.
func (s *story) runsPod(name, restart, containers string) {
	s.Helper()
	s.kubectl(s.upstream, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {virtual-pod: "true"}}
spec:
  restartPolicy: %s
  terminationGracePeriodSeconds: 1
  volumes: [{name: state, emptyDir: {}}]
  containers: %s
`, name, restart, containers), "apply", "-f", "-")
	s.kubectl(s.upstream, "", "wait", "pod/"+name, "--for=condition=Ready", "--timeout=60s")
}

// The app says three lines in each life. Its first life ends by itself; in the
// second it says what is written into a file.
const talker = `
  - name: app
    image: app:1
    volumeMounts: [{name: state, mountPath: /state}]
    readinessProbe: {exec: {command: [test, -e, /state/said]}, periodSeconds: 1}
    command: [sh, -c, "echo x >> /state/lives; n=$(wc -l < /state/lives); for i in 1 2 3; do echo life $n line $i; done;
      [ $n = 1 ] && exit 0; trap 'exit 0' TERM; touch /state/said; tail -f /state/said & wait"]
  - {name: agent, image: "agent:1"}
`

// TestLogs: kubectl logs says of a pod on the virtual node what a kubelet would,
// with each of its options.
func TestLogs(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("talker", "Always", talker)
	logs := func(args ...string) string {
		return s.kubectl(s.upstream, "", append([]string{"logs", "talker", "-c", "app"}, args...)...)
	}
	const all = "life 2 line 1\nlife 2 line 2\nlife 2 line 3\n"
	for _, tc := range []struct{ option, want string }{
		{"", all},
		{"--tail=1", "life 2 line 3\n"},
		{"--tail=0", ""},
		{"--tail=-1", all},
		{"--since=1h", all},
		{"--limit-bytes=6", "life 2"},
		{"--previous", strings.ReplaceAll(all, "life 2", "life 1")},
		{"--previous --tail=1", "life 1 line 3\n"},
	} {
		if got := logs(strings.Fields(tc.option)...); got != tc.want {
			t.Errorf("kubectl logs %s prints %q, want %q", tc.option, got, tc.want)
		}
	}
	s.prints(s.upstream, "talker", "agent", "agent:1 runs\n")
	stamp, said, _ := strings.Cut(logs("--timestamps", "--tail=1"), " ")
	last, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil || said != "life 2 line 3\n" {
		t.Fatalf("with a time stamp it reads %q %q (%v)", stamp, said, err)
	}
	s.follows(last)
	// Seconds are all that the API passes on of a time.
	if got := logs("--since-time=" + last.Add(2*time.Second).Format(time.RFC3339)); got != "late\n" {
		t.Errorf("since the first lines, it has said %q", got)
	}
	_, _, err = s.upstream.Kubectl(s.ctx, "", "-n", s.namespace, "logs", "talker", "-c", "agent", "--previous")
	if err == nil || !strings.Contains(err.Error(), "previous terminated container") {
		t.Errorf("the log of a life that never was: %v", err)
	}
}

// follows reads along while the app says something late, two seconds after what
// it said last, and stops.
func (s *story) follows(last time.Time) {
	s.Helper()
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	log, err := s.upstream.Client().CoreV1().Pods(s.namespace).
		GetLogs("talker", &corev1.PodLogOptions{Container: "app", Follow: true, TailLines: new(int64(0))}).Stream(ctx)
	s.must("follow the log", err)
	defer func() { _ = log.Close() }()
	s.eventually("the clock moves on", func(context.Context) error {
		if past := time.Since(last); past < 3*time.Second {
			return fmt.Errorf("%s have passed", past)
		}
		return nil
	})
	s.kubectl(s.upstream, "", "exec", "talker", "-c", "app", "--", "sh", "-c", "echo late >> /state/said")
	line := make([]byte, len("late\n"))
	if _, err := io.ReadFull(log, line); err != nil || string(line) != "late\n" {
		s.Errorf("following, one reads %q (%v)", line, err)
	}
	stop()
	if _, err := io.ReadAll(log); !errors.Is(err, context.Canceled) {
		s.Errorf("the log goes on, or ended with %v", err)
	}
}

// waiting are containers that wait, one of them for somebody to speak to it.
const waiting = `[{name: app, image: "app:1", volumeMounts: [{name: state, mountPath: /state}]}, {name: agent, image: "agent:1"}]`

// TestExec: commands get input, print on two streams, end with their own exit
// code, and know the size of the terminal, also when it changes.
func TestExec(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("box", "Always", waiting)
	out, stderr, err := s.upstream.Kubectl(s.ctx, "hello", "-n", s.namespace, "exec", "-i", "box", "-c", "app", "--",
		"sh", "-c", `echo "$(cat) from $IMAGE"; echo trouble >&2; exit 7`)
	exited, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exited.ExitCode() != 7 {
		t.Errorf("it ends with %v, want exit code 7", err)
	}
	if out != "hello from app:1\n" || !strings.HasPrefix(stderr, "trouble\n") {
		t.Errorf("it prints %q and %q", out, stderr)
	}
	if out := s.kubectl(s.upstream, "", "exec", "box", "-c", "agent", "--", "sh", "-c", "echo $IMAGE"); out != "agent:1\n" {
		t.Errorf("the other container says it is %q", out)
	}
	s.resizes()
	s.copies()
}

// sizes is a terminal's size that changes once.
type sizes chan remotecommand.TerminalSize

func (q sizes) Next() *remotecommand.TerminalSize {
	size, more := <-q
	if !more {
		return nil
	}
	return &size
}

// resizes runs a command that waits for one size of its terminal, and then for
// another.
func (s *story) resizes() {
	s.Helper()
	const script = `until [ "$(stty size 2>&1)" = "24 80" ]; do sleep 0.1; done; echo small; until [ "$(stty size 2>&1)" = "43 132" ]; do sleep 0.1; done; echo large; exit 3`
	address := s.upstream.Client().CoreV1().RESTClient().Post().Resource("pods").Namespace(s.namespace).Name("box").SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: "app", Command: []string{"sh", "-c", script}, Stdin: true, Stdout: true, TTY: true}, scheme.ParameterCodec).URL()
	for name, connect := range map[string]func() (remotecommand.Executor, error){
		"WebSocket": func() (remotecommand.Executor, error) {
			return remotecommand.NewWebSocketExecutor(s.upstream.AdminConfig(), "GET", address.String())
		},
		"SPDY": func() (remotecommand.Executor, error) {
			return remotecommand.NewSPDYExecutor(s.upstream.AdminConfig(), "POST", address)
		},
	} {
		executor, err := connect()
		s.must("connect by "+name, err)
		queue := make(sizes, 2)
		queue <- remotecommand.TerminalSize{Width: 80, Height: 24}
		input, closeInput := io.Pipe()
		screen := &screen{seen: func(text string) {
			if strings.HasPrefix(text, "small") && len(queue) == 0 {
				queue <- remotecommand.TerminalSize{Width: 132, Height: 43}
			}
		}}
		err = executor.StreamWithContext(s.ctx, remotecommand.StreamOptions{Stdin: input, Stdout: screen, Tty: true, TerminalSizeQueue: queue})
		close(queue)
		_ = closeInput.Close()
		if coded, ok := errors.AsType[interface {
			error
			ExitStatus() int
		}](err); !ok || coded.ExitStatus() != 3 {
			s.Errorf("%s: the command with a terminal ends with %v, want exit code 3", name, err)
		}
		if got := screen.text.String(); got != "small\r\nlarge\r\n" {
			s.Errorf("%s: it prints %q", name, got)
		}
	}
}

// screen shows what is written to it.
type screen struct {
	text bytes.Buffer
	seen func(text string)
}

func (s *screen) Write(p []byte) (int, error) {
	n, err := s.text.Write(p)
	s.seen(string(p))
	return n, err
}

// copies sends a file that is larger than any buffer on the way, and gets it
// back.
func (s *story) copies() {
	s.Helper()
	dir := s.TempDir()
	content := bytes.Repeat([]byte("a line of thirty-two characters\n"), 64<<10)
	s.must("write a file", os.WriteFile(filepath.Join(dir, "there"), content, 0o600))
	s.kubectl(s.upstream, "", "cp", filepath.Join(dir, "there"), "box:/state/file", "-c", "app")
	s.kubectl(s.upstream, "", "cp", "box:/state/file", filepath.Join(dir, "back"), "-c", "app")
	back, err := os.ReadFile(filepath.Join(dir, "back"))
	if err != nil || !bytes.Equal(back, content) {
		s.Errorf("%d bytes of %d came back (%v)", len(back), len(content), err)
	}
}

// TestAttach: who attaches speaks to the container's own process.
func TestAttach(t *testing.T) {
	s := tell(t, stage.up)
	s.runsPod("listener", "Never", `[{name: app, image: "app:1", stdin: true, stdinOnce: true, command: [sh, -c, "read line; echo it heard $line"]}]`)
	out := s.kubectl(s.upstream, "a word\n", "attach", "-i", "listener")
	if !strings.Contains(out, "it heard a word\n") {
		t.Errorf("who attaches reads %q", out)
	}
}
