package anchor

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/spillway-io/spillway/api"
)

// askTimeout bounds the questions of one answer. An API server that needs half of
// it for each is slow; it is not away.
const askTimeout = 10 * time.Second

// Sources are whom a Keeper asks and tells. All fields must be set.
type Sources struct {
	Upstream, Downstream kubernetes.Interface
	// Node is the virtual node's name.
	Node string
	// Server is the downstream API server, for people.
	Server string
	// Elected is closed when this process becomes the leader. What the Node says is
	// read again then: until that moment another process may have changed it.
	Elected <-chan struct{}
	// Refuse is called once, when another cluster was found. It must not block.
	Refuse func()
}

// Keeper knows which downstream cluster is the virtual node's. Its methods may be
// called from several goroutines.
type Keeper struct {
	Sources
	// turn is with whoever asks, and guards what follows.
	turn chan struct{}
	// began is when the last question was asked, and trouble what came of it.
	began   time.Time
	trouble error
	// id is the cluster's, as soon as it is known to be the right one.
	id string
	// judgedLeading says that this was found out, or confirmed, as the leader.
	judgedLeading bool
	refused       *RefusedError
}

// NewKeeper returns one that knows nothing yet.
func NewKeeper(from Sources) *Keeper {
	k := &Keeper{Sources: from, turn: make(chan struct{}, 1)}
	k.turn <- struct{}{}
	return k
}

// Refused is not nil when another cluster was found.
func (k *Keeper) Refused() *RefusedError {
	<-k.turn
	defer func() { k.turn <- struct{}{} }()
	return k.refused
}

// Identify asks the downstream cluster for its id, after it was called and no
// later than when it returns, and returns it if it is the virtual node's. Callers
// that come together share an answer. It returns a *RefusedError for another
// cluster, then and for ever; any other error says that it is not known. It may end
// 10 s after ctx.
func (k *Keeper) Identify(ctx context.Context) (string, error) {
	called := time.Now()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-k.turn:
	}
	defer func() { k.turn <- struct{}{} }()
	if k.refused != nil {
		return "", k.refused
	}
	if !k.began.After(called) {
		k.began = time.Now()
		// The answer is not only for whoever asked.
		k.trouble = k.ask(context.WithoutCancel(ctx))
	}
	if k.trouble != nil {
		return "", k.trouble
	}
	return k.id, nil
}

func (k *Keeper) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	leading := k.leads()
	namespace, err := k.Downstream.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("cannot tell which cluster it is: %w", err)
	}
	found := string(namespace.UID)
	if k.id != "" && found != k.id {
		return k.refuse(k.id, found, 0)
	}
	if k.id == "" || leading && !k.judgedLeading {
		if err := k.compare(ctx, found); err != nil {
			return err
		}
		k.id, k.judgedLeading = found, leading
	}
	return nil
}

// compare holds the cluster that was found against what the Node says. Its errors
// are no answers of the downstream API server, and must not be taken for such.
func (k *Keeper) compare(ctx context.Context, found string) error {
	remembered, err := k.remembered(ctx)
	if err != nil {
		return fmt.Errorf("cannot read upstream which cluster it was: %s", err.Error())
	}
	if remembered == "" || remembered == found {
		return nil
	}
	pods, err := k.Upstream.CoreV1().Pods(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("spec.nodeName", k.Node).String(),
	})
	if err != nil {
		return fmt.Errorf("cannot read upstream which pods depend on the cluster: %s", err.Error())
	}
	tied := countTied(pods.Items)
	if tied > 0 {
		return k.refuse(remembered, found, tied)
	}
	logf.FromContext(ctx).Info("The virtual node has another downstream cluster than before; no pod depends on that", "before", remembered, "now", found)
	return nil
}

// remembered is the id that the Node has, empty if there is none.
func (k *Keeper) remembered(ctx context.Context) (string, error) {
	node, err := k.Upstream.CoreV1().Nodes().Get(ctx, k.Node, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return node.Annotations[api.DownstreamAnnotation], nil
}

func (k *Keeper) refuse(want, got string, tied int) error {
	k.refused = &RefusedError{Node: k.Node, Server: k.Server, Want: want, Got: got, Tied: tied}
	k.Refuse()
	return k.refused
}

func (k *Keeper) leads() bool {
	select {
	case <-k.Elected:
		return true
	default:
		return false
	}
}
