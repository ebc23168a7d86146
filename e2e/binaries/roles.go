package binaries

import (
	"context"
	"os"
)

// The environment variables that choose the version of Kubernetes of all clusters of
// a role, as Options.Kubernetes does; cmd/skew sets them.
const (
	UpstreamVersion   = "SPILLWAY_UPSTREAM_VERSION"
	DownstreamVersion = "SPILLWAY_DOWNSTREAM_VERSION"
)

// Roles says what the clusters of each role run: those that overflow, and those that
// take what flows over.
type Roles struct{ Upstream, Downstream Paths }

// ComponentsOfRoles builds what Components does, of the versions that the
// environment asks for.
func ComponentsOfRoles(ctx context.Context, options Options) (roles Roles, err error) {
	options.Kubernetes = os.Getenv(UpstreamVersion)
	if roles.Upstream, err = Components(ctx, options); err != nil {
		return roles, err
	}
	if os.Getenv(DownstreamVersion) == os.Getenv(UpstreamVersion) {
		roles.Downstream = roles.Upstream
		return roles, nil
	}
	options.Kubernetes = os.Getenv(DownstreamVersion)
	roles.Downstream, err = Components(ctx, options)
	return roles, err
}
