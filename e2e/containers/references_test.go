package containers

import (
	"context"
	"fmt"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// A pod with a ConfigMap and a Secret in files, and one more ConfigMap that it can
// do without and that does not exist yet.
const readerPod = `
apiVersion: v1
kind: Pod
metadata:
  name: reader
  labels: {virtual-pod: "true"}
spec:
  terminationGracePeriodSeconds: 1
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: keys, secret: {secretName: keys}}
  - {name: later, configMap: {name: later, optional: true}}
  containers:
  - name: app
    image: app:1
    volumeMounts:
    - {name: settings, mountPath: /etc/settings}
    - {name: keys, mountPath: /etc/keys}
    - {name: later, mountPath: /etc/later}
`

const readerFiles = `
{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {color: %[1]s}}
---
{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {door: %[2]s}}
`

// TestFilesFollow: a ConfigMap and a Secret that change upstream, or appear there,
// change in the files of a container that runs.
func TestFilesFollow(t *testing.T) {
	s := tell(t, stage.up)
	s.kubectl(s.upstream, fmt.Sprintf(readerFiles, "red", "closed"), "apply", "-f", "-")
	s.kubectl(s.upstream, readerPod, "apply", "-f", "-")
	s.runs(s.upstream)
	s.reads("red", "closed", "")

	s.kubectl(s.upstream, fmt.Sprintf(readerFiles, "green", "open"), "apply", "-f", "-")
	s.kubectl(s.upstream, "", "create", "configmap", "later", "--from-literal=hour=ten")
	s.reads("green", "open", "ten")
	if n := s.restarts(s.runs(s.upstream), "app"); n != 0 {
		t.Errorf("the container was restarted %d times", n)
	}
}

// reads waits until the container's files have these contents.
func (s *story) reads(color, door, hour string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the files say %s, %s and %q", color, door, hour), func(context.Context) error {
		said, _, err := s.upstream.Kubectl(s.ctx, "", "-n", s.namespace, "exec", "reader", "--",
			"sh", "-c", "cat /etc/settings/color; echo; cat /etc/keys/door; echo; cat /etc/later/hour 2>/dev/null; true")
		if err != nil {
			return err
		}
		if want := color + "\n" + door + "\n" + hour; said != want {
			return fmt.Errorf("they say %q", said)
		}
		return nil
	})
}

const callerPod = `
apiVersion: v1
kind: Pod
metadata:
  name: caller
  labels: {virtual-pod: "true"}
  annotations: {spillway.io/api-access: upstream}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: app:1
`

// TestUpstreamAccess: with what a container finds in the usual places, and nothing
// else, the upstream API answers, and knows the pod. The call is made from outside:
// the image has no program for it.
func TestUpstreamAccess(t *testing.T) {
	s := tell(t, stage.up)
	s.kubectl(s.upstream, callerPod, "apply", "-f", "-")
	pod := s.runs(s.upstream)
	finds := func(command string) string {
		return s.kubectl(s.upstream, "", "exec", "caller", "--", "sh", "-c", "cd /var/run/secrets/kubernetes.io/serviceaccount && "+command)
	}
	if namespace := finds("cat namespace"); namespace != s.namespace {
		t.Errorf("it finds namespace %q", namespace)
	}
	client, err := kubernetes.NewForConfig(&rest.Config{
		Host:            "https://" + strings.TrimSpace(finds("echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT")),
		BearerToken:     finds("cat token"),
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(finds("cat ca.crt"))},
	})
	s.must("make a client", err)
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(s.ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	s.must("call the upstream API", err)
	user := review.Status.UserInfo
	if bound := user.Extra["authentication.kubernetes.io/pod-uid"]; len(bound) != 1 || bound[0] != string(pod.UID) {
		t.Errorf("the API knows it as pod %v, want %s", bound, pod.UID)
	}
	if want := "system:serviceaccount:" + s.namespace + ":default"; user.Username != want {
		t.Errorf("the API knows it as %s, want %s", user.Username, want)
	}
}
