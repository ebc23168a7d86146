package auth

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/authenticatorfactory"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/kubernetes"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// How long an answer is remembered: the defaults of kubelets.
	knownFor   = 2 * time.Minute
	allowedFor = 5 * time.Minute
	deniedFor  = 30 * time.Second
	// reviewTimeout bounds the asking of one question, repeated or not.
	reviewTimeout = 10 * time.Second
)

// retries is how a review is repeated while the API server does not answer: that
// of kubelets, about four seconds in all.
func retries() *wait.Backoff {
	return &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5}
}

// Guard judges requests to the kubelet API of one virtual node.
type Guard struct {
	node  string
	authn authenticator.Request
	authz authorizer.Authorizer
	// clientCA is nil when client certificates are not accepted.
	clientCA *dynamiccertificates.DynamicFileCAContent
}

// New returns a guard that asks the upstream cluster, with rights to create
// tokenreviews and subjectaccessreviews. clientCAFile holds the certificates, PEM,
// of those who certify clients; empty, only tokens are accepted.
func New(upstream kubernetes.Interface, node, clientCAFile string) (*Guard, error) {
	g := &Guard{node: node}
	who := authenticatorfactory.DelegatingAuthenticatorConfig{
		TokenAccessReviewClient:  upstream.AuthenticationV1(),
		TokenAccessReviewTimeout: reviewTimeout,
		WebhookRetryBackoff:      retries(),
		CacheTTL:                 knownFor,
	}
	var err error
	if clientCAFile != "" {
		if g.clientCA, err = dynamiccertificates.NewDynamicCAContentFromFile("client-ca", clientCAFile); err != nil {
			return nil, fmt.Errorf("cannot read the client CA: %w", err)
		}
		who.ClientCertificateCAContentProvider = g.clientCA
	}
	if g.authn, _, err = who.New(); err != nil {
		return nil, fmt.Errorf("cannot set up authentication: %w", err)
	}
	what := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: upstream.AuthorizationV1(),
		AllowCacheTTL:             allowedFor,
		DenyCacheTTL:              deniedFor,
		WebhookRetryBackoff:       retries(),
	}
	if g.authz, err = what.New(); err != nil {
		return nil, fmt.Errorf("cannot set up authorization: %w", err)
	}
	return g, nil
}

// Run reads the client CA again when its file changes, until ctx ends. A file that
// cannot be read leaves the certificates as they were.
func (g *Guard) Run(ctx context.Context) {
	if g.clientCA == nil {
		<-ctx.Done()
		return
	}
	g.clientCA.Run(ctx, 1)
}

// Require passes on to next what may be done. TLS must have asked for a client
// certificate, and need not have verified it.
func (g *Guard) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log := logf.FromContext(r.Context())
		who, known, err := g.authn.AuthenticateRequest(r)
		if err != nil || !known {
			log.V(1).Info("Unauthorized", "path", r.URL.Path, "client", r.RemoteAddr, "cause", cause(err))
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		asked := attributes(g.node, who.User, r)
		decision, reason, err := g.ask(r.Context(), asked)
		switch {
		case err != nil:
			log.Error(err, "Cannot ask whether a request is allowed", "path", r.URL.Path, "user", asked.User.GetName())
			http.Error(w, "Authorization error", http.StatusInternalServerError)
		case decision != authorizer.DecisionAllow:
			log.V(1).Info("Forbidden", "path", r.URL.Path, "user", asked.User.GetName(), "reason", reason)
			http.Error(w, fmt.Sprintf("Forbidden (user=%s, verb=%s, resource=%s, subresource=%s)",
				asked.User.GetName(), asked.Verb, asked.Resource, asked.Subresource), http.StatusForbidden)
		default:
			log.V(1).Info("Allowed", "path", r.URL.Path, "user", asked.User.GetName(), "verb", asked.Verb)
			next.ServeHTTP(w, r)
		}
	})
}

func (g *Guard) ask(ctx context.Context, asked authorizer.Attributes) (authorizer.Decision, string, error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	return g.authz.Authorize(ctx, asked)
}

func cause(err error) string {
	if err == nil {
		return "no credentials"
	}
	return err.Error()
}
