// Package serving has the cluster sign the certificate of a virtual node's kubelet
// API, as kubelets do with serverTLSBootstrap: a CertificateSigningRequest of the
// signer kubernetes.io/kubelet-serving, another one before the certificate ends.
//
//	store.go    the newest certificate and its key
//	request.go  who the certificate is for
//	keeper.go   client-go's certificate manager, and what it is doing at present
//	notice.go   what to say while nobody has approved a request    pure
//
// Kubernetes approves no such request by itself, so a request that waits says its
// name in the log, in an event of the Node and in a metric. Until the first one is
// signed, a certificate is shown that nobody has signed: whoever verifies refuses
// it, and whoever does not is no safer with none. Later on, the last certificate
// that was signed is shown, even when it has ended: "expired" is the cause.
//
// It refuses to approve a request, and to write a key anywhere but into the
// directory that it is given for that; keys are never logged.
package serving
