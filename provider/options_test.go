package provider_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/provider"
	"github.com/spillway-io/spillway/provider/node"
	"github.com/spillway-io/spillway/provider/translate"
	"github.com/spillway-io/spillway/webhook/stash"
)

// TestOptionsValidate: each mistake names the flag to mend, all of them at once.
func TestOptionsValidate(t *testing.T) {
	long := strings.Repeat("n", 63)
	cases := map[string]struct {
		change func(*provider.Options)
		// want is a part of each line of the error, in order.
		want []string
	}{
		"valid":         {func(*provider.Options) {}, nil},
		"no-upstream":   {func(o *provider.Options) { o.Upstream = nil }, []string{"--kubeconfig: "}},
		"no-downstream": {func(o *provider.Options) { o.Downstream = nil }, []string{"--downstream-kubeconfig: "}},

		"name-missing":       {func(o *provider.Options) { o.Name = "" }, []string{"--name: "}},
		"name-dotted":        {func(o *provider.Options) { o.Name = "east.example.com" }, nil},
		"name-63-characters": {func(o *provider.Options) { o.Name = long }, nil},
		"name-64-characters": {func(o *provider.Options) { o.Name = long + "n" }, []string{"64 characters, but a virtual node's name is a label value downstream and has at most 63"}},
		"name-uppercase":     {func(o *provider.Options) { o.Name = "East" }, []string{`--name "East": a lowercase RFC 1123 subdomain`}},
		"name-underscore":    {func(o *provider.Options) { o.Name = "east_1" }, []string{`--name "east_1": `}},

		"labels":      {func(o *provider.Options) { o.Labels = map[string]string{"example.com/tier": "", "clusterID": "east-1"} }, nil},
		"label-key":   {func(o *provider.Options) { o.Labels = map[string]string{"a b": "c"} }, []string{"--node-labels a b=c: "}},
		"label-value": {func(o *provider.Options) { o.Labels = map[string]string{"a": "-"} }, []string{"--node-labels a=-: "}},
		"label-value-64-characters": {
			func(o *provider.Options) { o.Labels = map[string]string{"a": long + "n"} }, []string{"--node-labels a=nnn"},
		},
		"labels-in-order": {
			func(o *provider.Options) { o.Labels = map[string]string{"c": "-", "a": "-", "b": "fine"} },
			[]string{"--node-labels a=-: ", "--node-labels c=-: "},
		},

		"type-is-not-routing": {func(o *provider.Options) { o.RoutingKeys = stash.RoutingKeys{"clusterID"} }, []string{`--routing-keys: "type" must be among them`}},
		"no-routing-keys":     {func(o *provider.Options) { o.RoutingKeys = nil }, []string{`--routing-keys: "type" must be among them`}},

		"ipv6":         {func(o *provider.Options) { o.InternalIP = "2001:db8::7" }, nil},
		"address-host": {func(o *provider.Options) { o.InternalIP = "east.example.com" }, []string{`--internal-ip "east.example.com": `}},
		"address-none": {func(o *provider.Options) { o.InternalIP = "" }, []string{`--internal-ip "": `}},

		"kubelet-off":       {func(o *provider.Options) { o.KubeletAddress = "0" }, nil},
		"kubelet-somewhere": {func(o *provider.Options) { o.KubeletAddress = "[2001:db8::7]:10250" }, nil},
		"kubelet-unset":     {func(o *provider.Options) { o.KubeletAddress = "" }, []string{`--kubelet-address "": neither host:port nor "0"`}},
		"kubelet-no-port":   {func(o *provider.Options) { o.KubeletAddress = "192.0.2.7" }, []string{`--kubelet-address "192.0.2.7": neither`}},
		"kubelet-any-port":  {func(o *provider.Options) { o.KubeletAddress = ":0" }, []string{`--kubelet-address ":0": a port from 1 to 65535 is needed`}},
		"kubelet-big-port":  {func(o *provider.Options) { o.KubeletAddress = ":65536" }, []string{`--kubelet-address ":65536": a port from 1`}},
		"certificate":       {func(o *provider.Options) { o.TLSCertFile, o.TLSKeyFile = "tls.crt", "tls.key" }, nil},
		"certificate-only":  {func(o *provider.Options) { o.TLSCertFile = "tls.crt" }, []string{"--tls-cert-file, --tls-private-key-file: one"}},
		"certificate-requested": {func(o *provider.Options) {
			o.KubeletCertificate, o.KubeletCertificateDir = provider.CertificateCSR, "certificates"
		}, nil},
		"certificate-of-no-use": {func(o *provider.Options) {
			o.KubeletCertificate, o.TLSCertFile, o.TLSKeyFile = provider.CertificateCSR, "tls.crt", "tls.key"
		}, []string{"--kubelet-certificate csr: --tls-cert-file is of no use"}},
		"certificate-files-missing": {func(o *provider.Options) { o.KubeletCertificate = provider.CertificateFiles }, []string{"--kubelet-certificate files: needs --tls-cert-file"}},
		"certificate-mode":          {func(o *provider.Options) { o.KubeletCertificate = "CSR" }, []string{`--kubelet-certificate "CSR": files, csr or self-signed`}},
		"certificate-dir":           {func(o *provider.Options) { o.KubeletCertificateDir = "certificates" }, []string{"--kubelet-certificate-dir: of no use"}},

		"key-only": {func(o *provider.Options) { o.TLSKeyFile = "tls.key" }, []string{"--tls-cert-file, --tls-private-key-file: one"}},

		"namespace-prefix":   {func(o *provider.Options) { o.Rules.Namespaces.Prefix = "eu-" }, nil},
		"namespace-prefixed": {func(o *provider.Options) { o.Rules.Namespaces.Prefix = "EU-" }, []string{`--namespace-prefix "EU-": `}},
		"namespace-invalid": {
			func(o *provider.Options) { o.Rules.Namespaces.Names = map[string]string{"shop": "-"} }, []string{"--namespace-map shop=-: a lowercase", "--namespace-map shop=-: namespace"},
		},
		"namespaces-swapped": {
			func(o *provider.Options) {
				o.Rules.Namespaces.Names = map[string]string{"blue": "green", "green": "blue"}
			}, nil,
		},
		"namespace-twice": {
			func(o *provider.Options) {
				o.Rules.Namespaces.Names = map[string]string{"a": "c", "b": "c", "c": "a"}
			},
			[]string{`--namespace-map b=c: namespace "a" leads there already`},
		},
		"namespace-taken": {
			func(o *provider.Options) { o.Rules.Namespaces.Names = map[string]string{"shop": "store"} },
			[]string{`--namespace-map shop=store: namespace "store" leads there too, unless it is mapped itself`},
		},
		"namespace-taken-by-prefix": {
			func(o *provider.Options) {
				o.Rules.Namespaces = translate.Namespaces{Prefix: "eu-", Names: map[string]string{"shop": "eu-store"}}
			},
			[]string{`--namespace-map shop=eu-store: namespace "store" leads there too`},
		},
		"scheduler": {
			func(o *provider.Options) { o.Rules.SchedulerNames = map[string]string{"a": "B"} }, []string{"--scheduler-map a=B: "},
		},
		"runtime-class": {
			func(o *provider.Options) { o.Rules.RuntimeClasses = map[string]string{"a": ""} }, []string{"--runtime-class-map a=: "},
		},
		"storage-class": {
			func(o *provider.Options) { o.Rules.StorageClasses = map[string]string{"fast": "fast_1"} }, []string{"--storage-class-map fast=fast_1: "},
		},
		"access-unknown": {
			func(o *provider.Options) { o.Rules.Access.Modes = []translate.AccessMode{"all"} }, []string{`--pod-api-access "all": upstream, downstream or none`},
		},
		"access-twice": {
			func(o *provider.Options) {
				o.Rules.Access.Modes = []translate.AccessMode{translate.AccessNone, translate.AccessNone}
			},
			[]string{`--pod-api-access "none": named twice`},
		},
		"access-nowhere": {
			func(o *provider.Options) { o.Rules.Access.Modes = []translate.AccessMode{translate.AccessUpstream} },
			[]string{"--pod-api-server: needed with --pod-api-access=upstream"},
		},
		"access-port": {
			func(o *provider.Options) { o.Rules.Access = translate.Access{Host: "api.example.com", Port: "https"} },
			[]string{"--pod-api-server api.example.com:https: a port"},
		},

		"no-workers":       {func(o *provider.Options) { o.Workers = 0 }, []string{"--pod-workers 0: "}},
		"negative-workers": {func(o *provider.Options) { o.Workers = -1 }, []string{"--pod-workers -1: "}},
		"lease-nowhere":    {func(o *provider.Options) { o.LeaderElectNamespace = "" }, []string{"--leader-elect-namespace: "}},
		"claim-nowhere":    {func(o *provider.Options) { o.ClaimNamespace = "a.b" }, []string{"--claim-namespace "}},
		"no-lease":         {func(o *provider.Options) { o.LeaderElect, o.LeaderElectNamespace = false, "" }, nil},
		"no-metrics":       {func(o *provider.Options) { o.Metrics = nil }, []string{"metrics: "}},

		"profiles":           {func(o *provider.Options) { o.ProfileAddress = "127.0.0.1:6060" }, nil},
		"profiles-ipv6":      {func(o *provider.Options) { o.ProfileAddress = "[::1]:6060" }, nil},
		"profiles-for-all":   {func(o *provider.Options) { o.ProfileAddress = ":6060" }, []string{`--profile-address ":6060": `}},
		"profiles-elsewhere": {func(o *provider.Options) { o.ProfileAddress = "192.0.2.7:6060" }, []string{"--profile-address "}},

		"probe-often":      {func(o *provider.Options) { o.ProbeInterval = 100 * time.Millisecond }, nil},
		"probe-too-often":  {func(o *provider.Options) { o.ProbeInterval = time.Millisecond }, []string{"--probe-interval 1ms: from 100ms to 1m0s"}},
		"probe-too-seldom": {func(o *provider.Options) { o.ProbeInterval = time.Hour }, []string{"--probe-interval 1h0m0s: from"}},
		"everything-at-once": {
			func(o *provider.Options) { *o = provider.Options{LeaderElect: true} },
			[]string{
				"--kubeconfig: ", "--downstream-kubeconfig: ", "--name: ", "--routing-keys: ", `--internal-ip "": `, `--kubelet-address "": `, "--probe-interval 0s: ", "--pod-workers 0: ",
				"--leader-elect-namespace: ", "--claim-namespace ", "metrics: ",
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			options := provider.Options{
				Upstream: &rest.Config{}, Downstream: &rest.Config{}, Name: "east", RoutingKeys: stash.RoutingKeys{"type", "clusterID"},
				InternalIP: "192.0.2.7", KubeletAddress: ":10250", ProbeInterval: node.DefaultProbeInterval, Workers: 1, LeaderElect: true, LeaderElectNamespace: "spillway-system", ClaimNamespace: "spillway-system", Metrics: prometheus.NewRegistry(),
			}
			tc.change(&options)
			var got []string
			if err := options.Validate(); err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if len(got) != len(tc.want) {
				t.Fatalf("mistakes %q, want %q", got, tc.want)
			}
			for i, part := range tc.want {
				if !strings.Contains(got[i], part) {
					t.Errorf("mistake %q, want %q in it", got[i], part)
				}
			}
		})
	}
}

// TestRunRefusesMistakes: nothing is begun with options that cannot work.
func TestRunRefusesMistakes(t *testing.T) {
	err := provider.Run(t.Context(), provider.Options{})
	if err == nil || !strings.Contains(err.Error(), "cannot run the virtual node: --kubeconfig: ") {
		t.Errorf("Run() = %v, want what Validate says", err)
	}
}
