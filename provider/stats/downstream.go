package stats

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/translate"
)

const (
	// atATime is how many kubelets are asked at the same time.
	atATime = 16
	// kubeletTimeout bounds one answer, so that a node that is gone does not use up
	// the round.
	kubeletTimeout = 4 * time.Second
	// maxAnswer bounds one answer, in bytes: ten thousand containers on a node.
	maxAnswer = 64 << 20
)

// downstream is a reader of the downstream API server.
type downstream struct {
	client rest.Interface
	id     translate.Identity
}

// newDownstream reads with the downstream credentials in config.
func newDownstream(config *rest.Config, id translate.Identity) (*downstream, error) {
	config = rest.CopyConfig(config)
	config.ContentType, config.AcceptContentTypes = runtime.ContentTypeJSON, runtime.ContentTypeJSON
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("cannot open the downstream cluster for metrics: %w", err)
	}
	return &downstream{client: clients.CoreV1().RESTClient(), id: id}, nil
}

func (d *downstream) summaries(ctx context.Context, nodes []string) []answer {
	answers := make([]answer, len(nodes))
	free := make(chan struct{}, atATime)
	var asked sync.WaitGroup
	defer asked.Wait()
	for i, node := range nodes {
		answers[i].node = node
		free <- struct{}{}
		asked.Go(func() {
			defer func() { <-free }()
			answers[i].err = d.summary(ctx, &answers[i])
		})
	}
	return answers
}

func (d *downstream) summary(ctx context.Context, a *answer) error {
	ctx, cancel := context.WithTimeout(ctx, kubeletTimeout)
	defer cancel()
	return decode(ctx, d.client.Get().Resource("nodes").Name(a.node).SubResource("proxy").Suffix("stats/summary"), &a.summary)
}

func (d *downstream) podMetrics(ctx context.Context) ([]podMetrics, error) {
	ours := labels.Set{api.UpstreamLabel: d.id.UpstreamID, api.VirtualNodeLabel: d.id.Node.Name}
	var list struct {
		Items []podMetrics `json:"items"`
	}
	err := decode(ctx, d.client.Get().AbsPath("/apis/metrics.k8s.io/v1beta1/pods").Param("labelSelector", ours.String()), &list)
	return list.Items, err
}

// decode reads what a request answers.
func decode(ctx context.Context, request *rest.Request, into any) (err error) {
	body, err := request.MaxRetries(0).Stream(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the figures: %w", err)
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if err := json.NewDecoder(io.LimitReader(body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("cannot read the figures: %w", err)
	}
	return nil
}
