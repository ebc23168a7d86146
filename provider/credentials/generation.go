package credentials

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
)

// generation is one content of a kubeconfig.
type generation struct {
	config *rest.Config
	// base is the address of the API server; its path has no slash at its end.
	base *url.URL
	http http.RoundTripper
	// lives ends when the next generation is taken over.
	lives context.Context //nolint:containedctx // A life beside that of each request.
	end   context.CancelFunc
}

func newGeneration(config *rest.Config) (*generation, error) {
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot use the address of the API server: %w", err)
	}
	base = &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("cannot use the credentials: %w", err)
	}
	g := &generation{config: config, base: base, http: transport}
	g.lives, g.end = context.WithCancel(context.Background())
	return g, nil
}

// over ends the watches of the generation, and its connections as soon as nothing
// else uses them.
func (g *generation) over() {
	g.end()
	utilnet.CloseIdleConnectionsFor(g.http)
}

// moved returns an address below one base as it is below another. What is below
// neither stays as it is.
func moved(address, from, to *url.URL) *url.URL {
	if address.Scheme != from.Scheme || address.Host != from.Host || *from == *to {
		return address
	}
	result := *address
	result.Scheme, result.Host = to.Scheme, to.Host
	if from.Path != to.Path {
		result.Path = to.Path + strings.TrimPrefix(address.Path, from.Path)
		if address.RawPath != "" {
			result.RawPath = to.EscapedPath() + strings.TrimPrefix(address.RawPath, from.EscapedPath())
		}
	}
	return &result
}
