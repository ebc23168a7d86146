package install

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// upgrades has helm replace every pod of Spillway while pods are created, until
// the last of the old ones has gone.
func (s *story) upgrades() {
	before := s.everything()
	l := s.creates(20)
	s.helmApplies("upgrade", nextVersion)
	s.rolledOut()
	s.eventually("no pod of the former version is left", func(ctx context.Context) error {
		pods, err := s.upstream.Client().CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if image := pod.Spec.Containers[0].Image; !strings.HasSuffix(image, ":"+nextVersion) {
				return fmt.Errorf("%s has the image %s", pod.Name, image)
			}
		}
		return nil
	})
	s.ends(l)
	s.unchanged(before)
}

// everything is what users have in both clusters.
func (s *story) everything() map[string]map[string]int32 {
	s.Helper()
	return map[string]map[string]int32{"upstream": s.containers(s.upstream), "downstream": s.containers(s.downstream)}
}

// unchanged sees that the same containers run as before.
func (s *story) unchanged(before map[string]map[string]int32) {
	s.Helper()
	if diff := cmp.Diff(before, s.everything()); diff != "" {
		s.Errorf("the containers of users' pods -before +after:\n%s", diff)
	}
}
