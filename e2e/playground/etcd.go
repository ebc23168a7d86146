package playground

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Compact has etcd forget everything but what is there now, as it does every few
// minutes in any cluster. API servers go on serving watches from their own memory;
// one that is started again afterwards answers 410 to whoever was away meanwhile.
func (c *Cluster) Compact(ctx context.Context) error {
	var status struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	if err := c.askEtcd(ctx, "/v3/maintenance/status", struct{}{}, &status); err != nil {
		return fmt.Errorf("cannot ask the etcd of cluster %s for its revision: %w", c.name, err)
	}
	request := map[string]any{"revision": status.Header.Revision, "physical": true}
	if err := c.askEtcd(ctx, "/v3/kv/compaction", request, &struct{}{}); err != nil {
		return fmt.Errorf("cannot compact the etcd of cluster %s: %w", c.name, err)
	}
	return nil
}

// askEtcd calls etcd's gRPC gateway.
func (c *Cluster) askEtcd(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+loopback(c.ports.etcdClient)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("%s answers %s", path, response.Status), response.Body.Close())
	}
	return errors.Join(json.NewDecoder(response.Body).Decode(answer), response.Body.Close())
}
