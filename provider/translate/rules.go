package translate

// Rules are how one virtual node translates pods.
type Rules struct {
	Identity
	// SchedulerNames maps upstream scheduler names to downstream ones. Pods of all
	// others get the downstream cluster's default scheduler.
	SchedulerNames map[string]string
	// RuntimeClasses maps upstream RuntimeClasses to downstream ones. All others
	// keep their names.
	RuntimeClasses map[string]string
	// StorageClasses maps upstream StorageClasses to downstream ones, in the claims
	// of generic ephemeral volumes and in claims; an upstream class of the
	// provisioner api.Provisioner names its downstream class itself. All others
	// keep their names.
	StorageClasses map[string]string
	// Access is which Kubernetes API the pods may find.
	Access Access
}

// Access is which Kubernetes API containers find by the usual way: the token in
// /var/run/secrets/kubernetes.io/serviceaccount and the environment variables
// KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT.
type Access struct {
	// Modes are the allowed ones. A pod chooses among them by
	// api.APIAccessAnnotation; the first is for those that do not. No mode at all
	// is the same as AccessNone alone.
	Modes []AccessMode
	// Host and Port are the upstream API server as pods in the downstream cluster
	// reach it; needed for AccessUpstream only.
	Host, Port string
	// made is the mode that a pod was made with, see MadeFor.
	made AccessMode
}

// AccessMode is one way to reach a Kubernetes API.
type AccessMode string

const (
	// AccessUpstream gives the pod a token of its upstream ServiceAccount, which is
	// refreshed, and the upstream API server's address and certificate authority.
	AccessUpstream AccessMode = "upstream"
	// AccessDownstream runs the pod as the downstream ServiceAccount of the same
	// name, which must exist, and lets downstream admission do the rest.
	AccessDownstream AccessMode = "downstream"
	// AccessNone gives no credentials: the pod runs as the downstream namespace's
	// default ServiceAccount without its token.
	AccessNone AccessMode = "none"
)

// Facts are what translation has to know about the downstream cluster.
type Facts struct {
	// PriorityClass says that a PriorityClass of the pod's exists there.
	PriorityClass bool
}

// Note is something that the owner of an upstream pod should know about its
// downstream pod, though it runs. Its reason is one word.
type Note struct{ Reason, Message string }
