package keeper

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// ownEntrySuffix ends the names of our entries in webhook configurations, and
	// nobody else's.
	ownEntrySuffix = ".spillway.io"
	// fieldOwner is whose field caBundle is, in managedFields.
	fieldOwner = "spillway-certificates"
	// requestTimeout is for all requests about configurations in one pass.
	requestTimeout = 10 * time.Second
)

// Configurations are the Mutating- and ValidatingWebhookConfigurations that lead to
// this process.
type Configurations struct {
	// Names of them; each may be of either kind, or of both.
	Names []string
	// Live reads from the API server, not from a cache.
	Live client.Reader
	// Writer patches; only a Leader needs it.
	Writer client.Writer
}

// entry is one of our webhooks in a configuration.
type entry struct {
	// configuration is its kind and name.
	configuration string
	index         int
	bundle        []byte
	// host is what API servers ask for.
	host string
}

// configuration is what is of interest in one.
type configuration struct {
	object  client.Object
	name    string // kind and name
	entries []entry
}

// read reads those that exist. What could be read is returned with an error, too.
func (c Configurations) read(ctx context.Context) ([]configuration, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var all []configuration
	var errs []error
	for _, name := range c.Names {
		mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
		if err := c.Live.Get(ctx, client.ObjectKey{Name: name}, mutating); err == nil {
			all = append(all, ofMutating(mutating))
		} else if !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("cannot read MutatingWebhookConfiguration %s: %w", name, err))
		}
		if err := c.Live.Get(ctx, client.ObjectKey{Name: name}, validating); err == nil {
			all = append(all, ofValidating(validating))
		} else if !apierrors.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("cannot read ValidatingWebhookConfiguration %s: %w", name, err))
		}
	}
	return all, errors.Join(errs...)
}

func ofMutating(o *admissionregistrationv1.MutatingWebhookConfiguration) configuration {
	c := configuration{object: o, name: "MutatingWebhookConfiguration " + o.Name}
	for i := range o.Webhooks {
		c.add(i, o.Webhooks[i].Name, o.Webhooks[i].ClientConfig)
	}
	return c
}

func ofValidating(o *admissionregistrationv1.ValidatingWebhookConfiguration) configuration {
	c := configuration{object: o, name: "ValidatingWebhookConfiguration " + o.Name}
	for i := range o.Webhooks {
		c.add(i, o.Webhooks[i].Name, o.Webhooks[i].ClientConfig)
	}
	return c
}

func (c *configuration) add(index int, name string, config admissionregistrationv1.WebhookClientConfig) {
	if strings.HasSuffix(name, ownEntrySuffix) {
		c.entries = append(c.entries, entry{configuration: c.name, index: index, bundle: config.CABundle, host: host(config)})
	}
}

// host is what an API server asks for, as it documents it.
func host(config admissionregistrationv1.WebhookClientConfig) string {
	if config.Service != nil {
		return config.Service.Name + "." + config.Service.Namespace + ".svc"
	}
	if config.URL == nil {
		return ""
	}
	u, err := url.Parse(*config.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// held says whether all entries have the bundle.
func held(all []configuration, bundle []byte) bool {
	for _, c := range all {
		if len(c.lacking(bundle)) > 0 {
			return false
		}
	}
	return len(bundle) > 0
}

func (c configuration) lacking(bundle []byte) []entry {
	var lacking []entry
	for _, e := range c.entries {
		if !bytes.Equal(e.bundle, bundle) {
			lacking = append(lacking, e)
		}
	}
	return lacking
}

// patchOperation is one of RFC 6902.
type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// patch sets caBundle where it differs, unless somebody else has written the
// configuration since it was read: entries are told apart by their place in it.
func (c Configurations) patch(ctx context.Context, in configuration, bundle []byte) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	operations := []patchOperation{{"replace", "/metadata/resourceVersion", in.object.GetResourceVersion()}}
	for _, e := range in.lacking(bundle) {
		operations = append(operations, patchOperation{"add", fmt.Sprintf("/webhooks/%d/clientConfig/caBundle", e.index), bundle})
	}
	text, err := json.Marshal(operations)
	if err != nil {
		return fmt.Errorf("cannot encode the patch of %s: %w", in.name, err)
	}
	object, ok := in.object.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("%s is no object", in.name)
	}
	if err := c.Writer.Patch(ctx, object, client.RawPatch(types.JSONPatchType, text), client.FieldOwner(fieldOwner)); err != nil {
		return fmt.Errorf("cannot set the caBundle of %s: %w", in.name, err)
	}
	return nil
}
