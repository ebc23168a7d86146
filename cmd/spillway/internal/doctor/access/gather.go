package access

import (
	"context"
	"fmt"
	"sync"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/site"
)

// atOnce is how many questions are under way at a time.
const atOnce = 16

// asked is the answer to one question.
type asked struct {
	allowed bool
	err     error
}

// missing returns the rights that are not allowed, and an error if a question had
// no answer.
func missing(ctx context.Context, rights []Right, ask func(context.Context, Right) (bool, error)) ([]Right, error) {
	answers := make([]asked, len(rights))
	slots := make(chan struct{}, atOnce)
	var asking sync.WaitGroup
	for i := range rights {
		slots <- struct{}{}
		asking.Go(func() {
			defer func() { <-slots }()
			answers[i].allowed, answers[i].err = ask(ctx, rights[i])
		})
	}
	asking.Wait()
	var lacking []Right
	for i, a := range answers {
		if a.err != nil {
			return nil, a.err
		}
		if !a.allowed {
			lacking = append(lacking, rights[i])
		}
	}
	return lacking, nil
}

// ofSomebody asks what a user may do.
func ofSomebody(client kubernetes.Interface, user string, groups []string) func(context.Context, Right) (bool, error) {
	return func(ctx context.Context, r Right) (bool, error) {
		resource, path := r.attributes()
		review, err := client.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
			Spec: authorizationv1.SubjectAccessReviewSpec{User: user, Groups: groups, ResourceAttributes: resource, NonResourceAttributes: path},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return review.Status.Allowed, nil
	}
}

// ofMyself asks what the client's own user may do.
func ofMyself(client kubernetes.Interface) func(context.Context, Right) (bool, error) {
	return func(ctx context.Context, r Right) (bool, error) {
		resource, path := r.attributes()
		review, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: resource, NonResourceAttributes: path},
		}, metav1.CreateOptions{})
		if err != nil {
			return false, err
		}
		return review.Status.Allowed, nil
	}
}

// myself returns who the client's own user is.
func myself(ctx context.Context, client kubernetes.Interface) (string, error) {
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return "", err
	}
	return review.Status.UserInfo.Username, nil
}

// Downstream asks what whoever the virtual nodes' kubeconfigs belong to may do.
func Downstream(ctx context.Context, s *site.Site) finding.Outcome {
	var o finding.Outcome
	if s.NodesErr != nil {
		o.Hidden("which virtual nodes there are", s.NodesErr, "list nodes")
	}
	for i := range s.Nodes {
		downstream(ctx, &s.Nodes[i], &o)
	}
	if len(s.Nodes) == 0 && s.NodesErr == nil {
		o.Nothing("rights downstream", "there is no virtual node", "")
	}
	return o
}

func downstream(ctx context.Context, n *site.VirtualNode, o *finding.Outcome) {
	what := fmt.Sprintf("what virtual node %s may do downstream", n.Name)
	if n.Unreached(o, what) {
		return
	}
	user, err := myself(ctx, n.Downstream.Client)
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	roles, err := DownstreamRoles(n.Options.ClaimNamespace, DefaultServiceAccount)
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	rights, err := rightsIn(roles)
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	lacking, err := missing(ctx, rights, ofMyself(n.Downstream.Client))
	if err != nil {
		o.Hidden(what, err, "")
		return
	}
	o.Add(JudgeDownstream(Holder{
		Node: n.Name, User: user, ClaimNamespace: n.Options.ClaimNamespace, Source: n.Downstream.Source,
	}, lacking)...)
	if len(lacking) > 0 {
		return
	}
	o.Fact("virtual node %s has, as %s, what the chart's role asks for, %d rights", n.Name, user, len(rights))
}
