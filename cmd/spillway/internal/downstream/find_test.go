package downstream

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://in-secret.example.com"}}]
contexts: [{name: c, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: c
`

func installed(key string) []runtime.Object {
	meta := metav1.ObjectMeta{Namespace: "spillway-system", Name: "spillway-node-east", Labels: map[string]string{"spillway.io/virtual-node": "east"}}
	return []runtime.Object{
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "node", Args: []string{"node", "--downstream-kubeconfig=/downstream/config"},
				VolumeMounts: []corev1.VolumeMount{{Name: "other", MountPath: "/elsewhere"}, {Name: "downstream", MountPath: "/downstream"}},
			}},
			Volumes: []corev1.Volume{{Name: "downstream", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "east-kubeconfig"}}}},
		}}}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "spillway-system", Name: "east-kubeconfig"}, Data: map[string][]byte{key: []byte(kubeconfig)}},
	}
}

// TestConfig has a server that answers lists and gets alone, which is all that is
// asked of it.
func TestConfig(t *testing.T) {
	cases := map[string]struct {
		reason  string
		given   []string
		objects []runtime.Object
		node    string
		server  string
		source  string
		fails   string
	}{
		"given-for-the-node": {
			reason: "what was given for the node wins over what was given for all",
			given:  []string{"all.yaml", "east=east.yaml"}, objects: installed("config"), node: "east",
			server: "https://east.yaml", source: "east.yaml",
		},
		"given-for-all": {
			reason: "a file without a node is for all that have none of their own",
			given:  []string{"west=west.yaml", "all.yaml"}, node: "east",
			server: "https://all.yaml", source: "all.yaml",
		},
		"given-for-another": {
			reason: "a file of another node is of no use",
			given:  []string{"west=west.yaml"}, node: "east", fails: "no Deployment with the label spillway.io/virtual-node=east",
		},
		"in-the-secret": {
			reason:  "the chart's Deployment says which Secret and which key",
			objects: installed("config"), node: "east", server: "https://in-secret.example.com", source: "Secret spillway-system/east-kubeconfig",
		},
		"under-another-key": {
			reason:  "a Secret without the key is named",
			objects: installed("kubeconfig"), node: "east", fails: `Secret spillway-system/east-kubeconfig has no data under "config"`,
		},
		"not-to-be-opened": {
			reason: "a file that cannot be read is the flag's fault",
			given:  []string{"absent.yaml"}, node: "east", fails: "--downstream-kubeconfig: no such file",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			finder := Finder{Upstream: fake.NewClientset(c.objects...), Kubeconfigs: c.given, Open: func(file string) (*rest.Config, error) {
				if file == "absent.yaml" {
					return nil, errors.New("no such file")
				}
				return &rest.Config{Host: "https://" + file}, nil
			}}
			config, source, err := finder.Config(t.Context(), c.node)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%s: error %v, want %q", c.reason, err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", c.reason, err)
			}
			if config.Host != c.server || source != c.source {
				t.Errorf("%s: %s from %s, want %s from %s", c.reason, config.Host, source, c.server, c.source)
			}
		})
	}
}

// TestSecretRunsNothing: who may write the Secret of a kubeconfig must not have the
// machine of whoever explains or examines run a program, or send a file away.
func TestSecretRunsNothing(t *testing.T) {
	cases := map[string]struct{ was, is, fails string }{
		"program":     {"token: t", "exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [here], interactiveMode: Never}", "is not run here"},
		"provider":    {"token: t", "auth-provider: {name: oidc}", "is not run here"},
		"token":       {"token: t", "tokenFile: /etc/hostname", "is not read here"},
		"certificate": {"token: t", "client-certificate: /etc/hostname", "is not read here"},
		"key":         {"token: t", "client-key: /etc/hostname", "is not read here"},
		"ca":          {`"https://in-secret.example.com"`, `"https://in-secret.example.com", certificate-authority: /etc/hostname`, "is not read here"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			objects := installed("config")
			objects[1].(*corev1.Secret).Data["config"] = []byte(strings.Replace(kubeconfig, c.was, c.is, 1))
			_, _, err := Finder{Upstream: fake.NewClientset(objects...)}.Config(t.Context(), "east")
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %v, want %q", err, c.fails)
			}
		})
	}
}
