package references

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/spillway-io/spillway/provider/translate"
)

// objectTask keeps a copy equal to an upstream object.
type objectTask struct {
	want    Want
	watched *watched
	// object is what the last plan was made from, nil when there was none upstream.
	object   client.Object
	identity translate.Identity
	users    users
	// upstream is the API server.
	upstream client.Reader
}

func (t *objectTask) plan(ctx context.Context, s Situation) (Action, error) {
	t.object = t.watched.latest()
	if t.object != nil {
		s.Upstream = t.object
		return Plan(s), nil
	}
	if s.Copy != nil && s.Owned {
		needed, err := t.users.need(ctx, t.want.Key)
		if err != nil {
			return Action{}, err
		}
		s.Needed = needed
	}
	return Plan(s), nil
}

func (t *objectTask) owns(copied metav1.Object) bool { return t.identity.Owns(copied) }

func (t *objectTask) content(context.Context) (client.Object, Version, error) {
	object, err := newCopy(t.object, t.want.Key, t.identity)
	return object, versionOf(t.object), err
}

func (t *objectTask) gone(ctx context.Context) (bool, error) {
	err := t.upstream.Get(ctx, client.ObjectKey{Namespace: t.want.Origin.Namespace, Name: t.want.Origin.Name}, metadataOf(t.want.Kind))
	if err != nil && !apierrors.IsNotFound(err) {
		return false, fmt.Errorf("cannot confirm that the upstream %s %q is gone: %w", t.want.Kind, t.want.Origin.Name, err)
	}
	return err != nil, nil
}

// look has the object behind a copy watched, and waits until it is known.
func (w *watches) look(ctx context.Context, want Want) (*watched, error) {
	watched, err := w.ensure(want)
	if err != nil {
		return nil, err
	}
	err = watched.wait(ctx)
	switch {
	case apierrors.IsForbidden(err):
		return nil, &obstacle{Reason: ReasonUnreadable, cause: err, Message: fmt.Sprintf(
			"The virtual node may not read %s %q: it needs the rights to get, list and watch it", want.Kind, want.Origin.Name)}
	case err != nil:
		return nil, fmt.Errorf("cannot read the upstream %s %q: %w", want.Kind, want.Origin.Name, err)
	}
	return watched, nil
}
