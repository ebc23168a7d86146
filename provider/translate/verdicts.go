package translate

import "slices"

// Decision is what happens to a field between the two clusters.
type Decision string

const (
	// Keep passes the field on as it is.
	Keep Decision = "keep"
	// Drop leaves the field where it is: downstream does not have what upstream
	// says of the pod, and upstream does not show what downstream says of its status.
	Drop Decision = "drop"
	// Rewrite passes on something else, which the reason tells.
	Rewrite Decision = "rewrite"
)

// Verdict is what was decided about one field of a pod.
type Verdict struct {
	// Field is its path in JSON, with [] behind each list, such as
	// spec.containers[].env. It speaks for everything below that has no verdict of
	// its own.
	Field    string
	Decision Decision
	// Reason is a phrase that says why, or what is passed on instead.
	Reason string
}

// Verdicts returns what was decided about every field of a pod, in the order of
// metadata and spec, which go downstream, and status, which comes back. A test
// fails for a field that has none.
func Verdicts() []Verdict {
	return slices.Concat(
		metadataVerdicts(),
		contentVerdicts(),
		containerVerdicts("spec.containers[]"),
		containerVerdicts("spec.initContainers[]"),
		volumeVerdicts(),
		machineVerdicts(),
		schedulingVerdicts(),
		accessVerdicts(),
		statusVerdicts(),
		containerStatusVerdicts(),
	)
}

func metadataVerdicts() []Verdict {
	const bookkeeping = "bookkeeping of the upstream object; the downstream one has its own"
	return []Verdict{
		{"metadata.name", Keep, "the same pod has the same name"},
		{"metadata.generateName", Drop, "the name is known"},
		{"metadata.namespace", Rewrite, "mapped; the same without a mapping"},
		{"metadata.labels", Rewrite, "all, and our marks; zone and region, which the API server copies from the node, are each node's own"},
		{"metadata.annotations", Rewrite, "all, and our marks; last-applied-configuration and spillway.io/downstream-node speak about the upstream object"},
		{"metadata.uid", Drop, "given by each API server; spillway.io/upstream-uid has upstream's"},
		{"metadata.resourceVersion", Drop, bookkeeping},
		{"metadata.generation", Drop, bookkeeping},
		{"metadata.selfLink", Drop, bookkeeping},
		{"metadata.creationTimestamp", Drop, bookkeeping},
		{"metadata.deletionTimestamp", Drop, "a deletion is passed on as a deletion"},
		{"metadata.deletionGracePeriodSeconds", Drop, "a deletion is passed on as a deletion"},
		{"metadata.managedFields", Drop, bookkeeping},
		{"metadata.ownerReferences", Drop, "the owner's UID means nothing downstream, where the garbage collector would delete the pod for it"},
		{"metadata.finalizers", Drop, "nobody downstream would remove them"},
	}
}

// contentVerdicts are about what runs.
func contentVerdicts() []Verdict {
	const network = "the pod's network and names are those of the downstream cluster"
	return []Verdict{
		{"spec.containers", Keep, "ports, probes, lifecycle, resources and security contexts are for the kubelet"},
		{"spec.initContainers", Keep, "native sidecars too: order and restart rules are for the kubelet"},
		{"spec.ephemeralContainers", Rewrite, "not in a new pod, which would be refused; each follows through the subresource"},
		{"spec.restartPolicy", Keep, "for the kubelet"},
		{"spec.terminationGracePeriodSeconds", Keep, "for the kubelet"},
		{"spec.activeDeadlineSeconds", Keep, "for the kubelet"},
		{"spec.shareProcessNamespace", Keep, "for the kubelet"},
		{"spec.securityContext", Keep, "for the kubelet; downstream's Pod Security judges it"},
		{"spec.imagePullSecrets", Keep, "references; the Secrets are copied"},
		{"spec.resources", Keep, "requests count and limits hold where the pod runs"},
		{"spec.hostname", Keep, network},
		{"spec.subdomain", Keep, network},
		{"spec.setHostnameAsFQDN", Keep, network},
		{"spec.hostnameOverride", Keep, network},
		{"spec.hostAliases", Keep, network},
		{"spec.dnsPolicy", Keep, "ClusterFirst is downstream's DNS, which looks in the downstream namespace"},
		{"spec.dnsConfig", Keep, "as its author wrote it"},
		{"spec.enableServiceLinks", Keep, "the variables are those of the Services downstream"},
	}
}

// containerVerdicts are about one kind of containers.
func containerVerdicts(at string) []Verdict {
	return []Verdict{
		{at + ".env", Rewrite, "references stay references. Of the downward API the namespace, the UID, the node and the ServiceAccount are upstream's. " +
			"With API access upstream, KUBERNETES_SERVICE_HOST and its like come first, unless the author sets them"},
		{at + ".envFrom[].configMapRef.name", Rewrite, "with API access upstream, kube-root-ca.crt is upstream's, under another name"},
		{at + ".volumeMounts", Rewrite, "all but those of the volume that is left out"},
	}
}

func volumeVerdicts() []Verdict {
	const claim = "spec.volumes[].ephemeral.volumeClaimTemplate.spec"
	return []Verdict{
		{"spec.volumes", Keep, "references stay references; the volume that upstream admission added for the API token is left out, unless API access is upstream"},
		{"spec.volumes[].hostPath", Keep, "a path of the downstream host"},
		{"spec.volumes[].persistentVolumeClaim", Keep, "the downstream claim has the same name"},
		{"spec.volumes[].csi", Keep, "the driver has to be there downstream; its Secret is copied"},
		{"spec.volumes[].image", Keep, "pulled where the pod runs"},
		{"spec.volumes[].configMap.name", Rewrite, "with API access upstream, kube-root-ca.crt is upstream's, under another name"},
		{"spec.volumes[].downwardAPI.items[].fieldRef", Rewrite, "the UID, and a mapped namespace, are upstream's, from annotations"},
		{"spec.volumes[].projected.sources", Rewrite, "ServiceAccount tokens are those of the API access: from a Secret, from downstream's kubelet, or none; " +
			"pod certificates are for API access downstream only; ConfigMaps and downward API as in other volumes"},
		{claim + ".storageClassName", Rewrite, "mapped; the same without a mapping"},
		{claim + ".dataSourceRef.namespace", Rewrite, "mapped; the same without a mapping"},
	}
}

// machineVerdicts are about the machine that the pod runs on.
func machineVerdicts() []Verdict {
	const host = "of the downstream host, as far as downstream's Pod Security allows"
	return []Verdict{
		{"spec.hostNetwork", Keep, host},
		{"spec.hostPID", Keep, host},
		{"spec.hostIPC", Keep, host},
		{"spec.hostUsers", Keep, host},
		{"spec.os", Keep, "the images ask for it"},
	}
}

// schedulingVerdicts are about where the pod runs, and before which others.
func schedulingVerdicts() []Verdict {
	const stashed = "as its author wrote it: from the stash, or else without what speaks about virtual nodes"
	return []Verdict{
		{"spec.nodeName", Drop, "the virtual node; the downstream scheduler chooses a real one"},
		{"spec.nodeSelector", Rewrite, stashed},
		{"spec.affinity", Rewrite, stashed + "; namespaces of pod affinity are mapped"},
		{"spec.tolerations", Rewrite, stashed},
		{"spec.topologySpreadConstraints", Rewrite, stashed},
		{"spec.schedulerName", Rewrite, "mapped; else the downstream cluster's default scheduler"},
		{"spec.schedulingGates", Drop, "they were for the upstream scheduler, and a pod that is bound has none"},
		{"spec.schedulingGroup", Drop, "the group is an object that the upstream scheduler knows"},
		{"spec.runtimeClassName", Rewrite, "mapped; the same without a mapping"},
		{"spec.overhead", Drop, "downstream admission computes it from the runtime class"},
		{"spec.priorityClassName", Rewrite, "kept when that class exists downstream and is none of the system's; else left out with an event"},
		{"spec.priority", Drop, "a number without its class is refused; downstream admission takes its own class's"},
		{"spec.preemptionPolicy", Drop, "downstream admission takes its own class's"},
		{"spec.readinessGates", Drop, "answered by controllers that run upstream, where they are honoured; downstream the pod would never be ready"},
		{"spec.evictionResponders", Drop, "answered by controllers that run upstream"},
		{"spec.resourceClaims", Keep, "devices are those of the downstream cluster, where claims or templates of the same names have to be: its scheduler says if not"},
	}
}

// accessVerdicts are about credentials.
func accessVerdicts() []Verdict {
	return []Verdict{
		{"spec.serviceAccountName", Rewrite, "kept with API access downstream; else left out: a name chosen upstream must not pick credentials there"},
		{"spec.serviceAccount", Drop, "an alias of serviceAccountName"},
		{"spec.automountServiceAccountToken", Rewrite, "kept with API access downstream; else false"},
	}
}

func statusVerdicts() []Verdict {
	const allocated = "claims are objects of the cluster that allocated them, and upstream's scheduler writes what it did"
	return []Verdict{
		{"status.observedGeneration", Rewrite, "the upstream generation, once the downstream kubelet has caught up"},
		{"status.phase", Rewrite, "downstream's, or as it was while downstream has none"},
		{"status.conditions", Rewrite, "the kubelet's come from downstream, with upstream's readiness gates in Ready; PodScheduled and those of others stay upstream's; " +
			"spillway.io/DownstreamScheduled says why downstream's scheduler finds no node"},
		{"status.message", Keep, "the kubelet's, or of who evicted the pod downstream"},
		{"status.reason", Keep, "the kubelet's, or of who evicted the pod downstream"},
		{"status.nominatedNodeName", Drop, "a downstream node; upstream's is the upstream scheduler's"},
		{"status.hostIP", Rewrite, "the virtual node's address: a pod must fit its node"},
		{"status.hostIPs", Rewrite, "the virtual node's address: a pod must fit its node"},
		{"status.podIP", Keep, "the pod's own"},
		{"status.podIPs", Keep, "the pod's own"},
		{"status.startTime", Keep, "when the kubelet took it up"},
		{"status.qosClass", Drop, "the API server computes it from the spec, and refuses another"},
		{"status.resize", Keep, "how far the kubelet is"},
		{"status.allocatedResources", Keep, "what the kubelet gave"},
		{"status.resources", Keep, "what the kubelet gave"},
		{"status.resourceClaimStatuses", Drop, allocated},
		{"status.extendedResourceClaimStatus", Drop, allocated},
		{"status.nodeAllocatableResourceClaimStatuses", Drop, allocated},
		{"status.volumeHealth", Keep, "of the volumes that the upstream pod has"},
	}
}

func containerStatusVerdicts() []Verdict {
	var all []Verdict
	for _, list := range []string{"status.initContainerStatuses", "status.containerStatuses", "status.ephemeralContainerStatuses"} {
		all = append(
			all,
			Verdict{list, Keep, "of the containers that the upstream pod has, by name; others were added downstream"},
			Verdict{list + "[].volumeMounts", Rewrite, "of the mounts that the upstream container has, by path, under its volumes' names"},
		)
	}
	return all
}
