package keeper

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/certs"
)

// reconsiderInterval is how soon content that was refused is looked at again: what
// was served instead may have expired.
const reconsiderInterval = 10 * time.Second

var errNone = errors.New("there is no serving certificate yet")

// Keeper hands out the certificate that a Secret has.
type Keeper struct {
	name      types.NamespacedName
	informers cache.Informers
	now       func() time.Time

	certificate atomic.Pointer[tls.Certificate]
	// changed has an element when the Secret is not what it was.
	changed chan struct{}

	mu         sync.Mutex
	secret     *corev1.Secret // nil: there is none, or none has been seen
	remembered certs.Content
	refused    string // why the Secret's content is not served, as it was told
}

// New returns a keeper of a Secret that informers watch. See CacheOptions.
func New(name types.NamespacedName, informers cache.Informers) *Keeper {
	return &Keeper{name: name, informers: informers, now: time.Now, changed: make(chan struct{}, 1)}
}

// CacheOptions have nothing watched but the one Secret.
func CacheOptions(name types.NamespacedName) map[client.Object]cache.ByObject {
	return map[client.Object]cache.ByObject{
		&corev1.Secret{}: {Namespaces: map[string]cache.Config{
			name.Namespace: {FieldSelector: fields.OneTermEqualSelector("metadata.name", name.Name)},
		}},
	}
}

// Start follows the Secret until ctx ends.
func (k *Keeper) Start(ctx context.Context) error {
	log := logf.FromContext(ctx).WithValues("secret", k.name.String())
	informer, err := k.informers.GetInformer(ctx, &corev1.Secret{}, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("cannot watch the Secret of certificates: %w", err)
	}
	handler := toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { k.saw(log, o) },
		UpdateFunc: func(_, o any) { k.saw(log, o) },
		DeleteFunc: func(any) { k.lost(log) },
	}
	registration, err := informer.AddEventHandler(handler)
	if err != nil {
		return fmt.Errorf("cannot watch the Secret of certificates: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			return informer.RemoveEventHandler(registration)
		case <-time.After(reconsiderInterval):
			k.take(log, k.current())
		}
	}
}

// GetCertificate is tls.Config's.
func (k *Keeper) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if certificate := k.certificate.Load(); certificate != nil {
		return certificate, nil
	}
	return nil, errNone
}

func (k *Keeper) saw(log logr.Logger, o any) {
	if secret, ok := o.(*corev1.Secret); ok && secret.Name == k.name.Name && secret.Namespace == k.name.Namespace {
		k.take(log, secret)
	}
}

// lost keeps what is served: nobody is helped by going without.
func (k *Keeper) lost(log logr.Logger) {
	log.Error(nil, "The Secret of certificates was deleted; what was in it is served on, and put back into one that is created empty")
	k.mu.Lock()
	k.secret = nil
	k.mu.Unlock()
	k.notify()
}

// current is the Secret as it was last seen, which nobody may change.
func (k *Keeper) current() *corev1.Secret {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.secret
}

// situation is what a plan depends on here.
func (k *Keeper) situation(secret *corev1.Secret, held bool) certs.Situation {
	k.mu.Lock()
	defer k.mu.Unlock()
	return certs.Situation{Content: secret.Data, Remembered: k.remembered, Held: held, Now: k.now()}
}

// take serves what a Secret has, if it may be served.
func (k *Keeper) take(log logr.Logger, secret *corev1.Secret) {
	if secret == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	isNews := k.secret == nil || k.secret.ResourceVersion != secret.ResourceVersion
	k.secret = secret
	if isNews {
		defer k.notify()
	}
	if err := certs.Adopt(secret.Data, k.remembered, k.now()); err != nil {
		k.tellRefused(log, err.Error())
		return
	}
	k.tellRefused(log, "")
	k.remembered = secret.Data
	certificate, err := tls.X509KeyPair(secret.Data[certs.ChainKey], secret.Data[certs.PrivateKeyKey])
	if err != nil {
		log.Error(err, "Cannot serve the certificate of the Secret")
		return
	}
	if before := k.certificate.Swap(&certificate); before == nil || !before.Leaf.Equal(certificate.Leaf) {
		leaf := certificate.Leaf
		log.Info("Serving a certificate", "issuer", leaf.Issuer.String(), "names", strings.Join(certs.Names(leaf), ","), "notAfter", leaf.NotAfter, "serial", leaf.SerialNumber.Text(16))
	}
}

func (k *Keeper) tellRefused(log logr.Logger, why string) {
	if why != "" && why != k.refused {
		log.Info("The certificate of the Secret is not served", "why", why, "servesAnother", k.certificate.Load() != nil)
	}
	k.refused = why
}

func (k *Keeper) notify() {
	select {
	case k.changed <- struct{}{}:
	default:
	}
}
