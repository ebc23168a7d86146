package main

import (
	"context"

	"github.com/spillway-io/spillway/e2e/rig"
)

// measureNode runs pods on a virtual node.
func measureNode(ctx context.Context, p rig.Programs, size int, _ options) (cost, error) {
	return on(ctx, nodeStage(p), func(ctx context.Context, s *stage) (cost, error) {
		clients, err := s.upstream.ProtobufClient()
		if err != nil {
			return cost{}, err
		}
		for _, namespace := range []string{"warm", shop} {
			if err := s.upstream.CreateNamespace(ctx, namespace, nil); err != nil {
				return cost{}, err
			}
		}
		warm := group{client: clients, namespace: "warm", node: virtualNode, pods: warmth}
		if err := warm.run(ctx); err != nil {
			return cost{}, err
		}
		pods := group{client: clients, namespace: shop, node: virtualNode, pods: size}
		c, err := meter{process: s.node.Usage, beside: s.upstream.APIServer.Usage}.measure(ctx, pods.run)
		c.size, c.loads = size, size
		return c, err
	})
}
