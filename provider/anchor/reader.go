package anchor

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reader returns a reader of the downstream API server by which conclusions are
// drawn. What it returns, or says is missing, was said by the virtual node's
// cluster: that one still answers after it was said. Otherwise it returns an error
// that is no answer.
func (k *Keeper) Reader(of client.Reader) client.Reader {
	return reader{of: of, keeper: k}
}

type reader struct {
	of     client.Reader
	keeper *Keeper
}

// Get reads one object.
func (r reader) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	return r.attest(ctx, r.of.Get(ctx, key, object, options...))
}

// List reads many.
func (r reader) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return r.attest(ctx, r.of.List(ctx, list, options...))
}

// attest returns the answer, or why it is none. That is text: an API server may
// not find its own namespace, which does not mean that it has no such pod.
func (r reader) attest(ctx context.Context, answer error) error {
	if answer != nil && !apierrors.IsNotFound(answer) {
		return answer
	}
	if _, err := r.keeper.Identify(ctx); err != nil {
		return fmt.Errorf("cannot be sure of what the downstream API server says: %s", err.Error())
	}
	return answer
}
