package keeper

import (
	"context"
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/certs"
)

const (
	// judgeInterval is how soon a configuration that has become wrong is told of.
	judgeInterval = 30 * time.Second
	// doubtInterval is how soon it is seen that something is right again.
	doubtInterval = 5 * time.Second
)

// Source is where a server gets its certificate from.
type Source interface {
	GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error)
}

// Judge says whether API servers can accept what is served, in logs and metrics:
//
//	spillway_webhook_certificate_expiry_timestamp_seconds  when the serving certificate expires; 0: none is served
//	spillway_webhook_certificate_findings{cause}           configurations' entries by what is wrong for them (certs.Cause)
//	spillway_webhook_refused_handshakes_total{alert}       connections that a client broke off for the certificate's sake
//
// It is a Runnable of controller-runtime's manager, for every replica.
type Judge struct {
	source         Source
	configurations Configurations
	now            func() time.Time

	findings *prometheus.GaugeVec
	refused  *prometheus.CounterVec
}

// NewJudge registers the metrics. It fails when they are registered already.
func NewJudge(source Source, configurations Configurations, registry prometheus.Registerer) (*Judge, error) {
	j := &Judge{
		source: source, configurations: configurations, now: time.Now,
		findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "spillway_webhook_certificate_findings",
			Help: "Entries of webhook configurations for which something is wrong with the serving certificate, by cause.",
		}, []string{"cause"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "spillway_webhook_refused_handshakes_total",
			Help: "Connections that a client broke off because of the serving certificate, by the alert that it sent.",
		}, []string{"alert"}),
	}
	expiry := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "spillway_webhook_certificate_expiry_timestamp_seconds",
		Help: "When the serving certificate expires, in seconds since 1970; 0: none is served.",
	}, j.expiry)
	// API servers say no other. What has not happened is 0, and not missing: an
	// increase sees the first time then.
	j.refused.WithLabelValues("bad certificate")
	for _, c := range []prometheus.Collector{j.findings, j.refused, expiry} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("cannot register the metrics of certificates: %w", err)
		}
	}
	return j, nil
}

// NeedLeaderElection says that every replica judges what it serves.
func (*Judge) NeedLeaderElection() bool { return false }

// Start judges until ctx ends.
func (j *Judge) Start(ctx context.Context) error {
	log := logf.FromContext(ctx)
	var told, toldError string
	for {
		findings, err := j.judge(ctx)
		text := strings.Join(findings, "; ")
		if err != nil && err.Error() != toldError && ctx.Err() == nil {
			log.Error(err, "Cannot judge the serving certificate for all configurations")
		}
		toldError = message(err)
		if text != told {
			if text == "" {
				log.Info("API servers can accept the serving certificate again")
			} else {
				log.Info("Something is wrong with the serving certificate", "findings", text)
			}
			told = text
		}
		interval := judgeInterval
		if text != "" || err != nil {
			interval = doubtInterval
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(interval):
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// judge reads the configurations and judges once.
func (j *Judge) judge(ctx context.Context) (texts []string, err error) {
	entries, err := j.read(ctx)
	counts := make(map[certs.Cause]int)
	for _, e := range entries {
		for _, finding := range j.diagnose(e) {
			counts[finding.Cause]++
			if text := e.configuration + ": " + finding.String(); !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	for _, cause := range certs.Causes() {
		j.findings.WithLabelValues(string(cause)).Set(float64(counts[cause]))
	}
	return texts, err
}

func (j *Judge) read(ctx context.Context) ([]entry, error) {
	all, err := j.configurations.read(ctx)
	var entries []entry
	for _, c := range all {
		entries = append(entries, c.entries...)
	}
	return entries, err
}

func (j *Judge) diagnose(e entry) []certs.Finding {
	return certs.Diagnose(certs.Served{Chain: j.chain()}, certs.Trust{Bundle: e.bundle, Host: e.host}, j.now())
}

// chain is what is served; nothing if there is nothing.
func (j *Judge) chain() []byte {
	certificate, err := j.source.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil || certificate == nil {
		return nil
	}
	return certs.EncodeChain(certificate.Certificate)
}

func (j *Judge) expiry() float64 {
	chain, err := certs.ParseCertificates(j.chain())
	if err != nil {
		return 0
	}
	return float64(chain[0].NotAfter.Unix())
}

// Refused counts a connection that a client broke off with an alert about the
// certificate.
func (j *Judge) Refused(alert string) { j.refused.WithLabelValues(alert).Inc() }

// Why is the likely cause of that, by the configurations as they are now, as far as
// it can be seen from here. An empty server name, which clients do not send for an
// address, stands for all.
func (j *Judge) Why(ctx context.Context, serverName string) string {
	entries, err := j.read(ctx)
	var causes []string
	for _, e := range entries {
		if serverName == "" || serverName == e.host {
			causes = append(causes, j.refusals(e)...)
		}
	}
	slices.Sort(causes)
	switch causes = slices.Compact(causes); {
	case len(causes) > 0:
		return strings.Join(causes, "; ")
	case err != nil:
		return "not known: " + err.Error()
	}
	return "none is seen from here: the client may know an older caBundle, or be no API server"
}

// refusals are the reasons for which API servers refuse what is served.
func (j *Judge) refusals(e entry) []string {
	var texts []string
	for _, finding := range j.diagnose(e) {
		if finding.Refused() {
			texts = append(texts, e.configuration+": "+finding.String())
		}
	}
	return texts
}
