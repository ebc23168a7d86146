package admissions

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/spillway-io/spillway/e2e/playground"
)

// The null webhooks.
const (
	// NullRaw reads no more than the uid of a request: the floor of HTTP and TLS.
	NullRaw = "raw"
	// NullDecode decodes request and pod by controller-runtime, and allows it.
	NullDecode = "decode"
	// NullPatch is NullRaw that answers with a patch that it was given.
	NullPatch = "patch"
)

// Null is a webhook that does nothing, in a process of its own: the program that
// measures, started again with other arguments.
type Null struct {
	// Kind is one of the null webhooks; empty: this process is none.
	Kind string
	// Certs is the folder of its certificate.
	Certs string
	// Patch is the file that NullPatch answers with.
	Patch string

	// address is where it listens.
	address string
}

// flags are those by which Start tells the new process what it is.
func (n *Null) flags(flags *flag.FlagSet) {
	flags.StringVar(&n.Kind, "null", "", "be a null webhook instead; used by the command itself")
	flags.StringVar(&n.address, "address", "", "where the null webhook listens")
	flags.StringVar(&n.Certs, "certs", "", "folder of the null webhook's certificate")
	flags.StringVar(&n.Patch, "patch", "", "file with the patch that the null webhook answers with")
}

// Start starts this program again, as a null webhook that logs into dir, on a port of
// its own. The program must have Main.
func (n Null) Start(dir string, ports *playground.Ports) (process *playground.Process, url string, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	address, err := ports.TakeAddress()
	if err != nil {
		return nil, "", err
	}
	process, err = playground.StartProcess("null-"+n.Kind, dir, self, "-null="+n.Kind, "-address="+address, "-certs="+n.Certs, "-patch="+n.Patch)
	return process, "https://" + address, err
}

// serve is what the new process does, until ctx ends.
func (n Null) serve(ctx context.Context) error {
	handler, err := n.handler()
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr: n.address, Handler: handler, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	err = server.ListenAndServeTLS(filepath.Join(n.Certs, "tls.crt"), filepath.Join(n.Certs, "tls.key"))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (n Null) handler() (http.Handler, error) {
	switch n.Kind {
	case NullRaw:
		return answerRaw(""), nil
	case NullDecode:
		return decode()
	case NullPatch:
		patch, err := os.ReadFile(n.Patch)
		if err != nil {
			return nil, err
		}
		return answerRaw(fmt.Sprintf(`,"patchType":"JSONPatch","patch":%q`, base64.StdEncoding.EncodeToString(patch))), nil
	default:
		return nil, fmt.Errorf("there is no null webhook %q", n.Kind)
	}
}

func decode() (http.Handler, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	decoder := admission.NewDecoder(scheme)
	return &admission.Webhook{Handler: admission.HandlerFunc(func(_ context.Context, req admission.Request) admission.Response {
		if err := decoder.Decode(req, &corev1.Pod{}); err != nil {
			return admission.Errored(http.StatusBadRequest, err)
		}
		return admission.Allowed("")
	})}, nil
}

// answerRaw allows whatever it is asked about, and answers with these members more.
func answerRaw(members string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Request struct {
				UID string `json:"uid"`
			} `json:"request"`
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = json.Unmarshal(body, &review)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// A client that is gone needs no answer.
		_, _ = fmt.Fprintf(w, `{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":%q,"allowed":true%s}}`, review.Request.UID, members)
	}
}
