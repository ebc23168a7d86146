package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/cmd/spillway/internal/manifest"
	"github.com/spillway-io/spillway/cmd/spillway/internal/offline"
	"github.com/spillway-io/spillway/webhook/mutate"
	"github.com/spillway-io/spillway/webhook/stash"
)

const injectHelp = `Print what the webhook makes of the pods in files, without a cluster.

The input is YAML or JSON, any number of documents in any number of files; a
directory stands for its *.yaml, *.yml and *.json files, "-" for standard input.

Pods are admitted one after the other, in the order of the input:
  - Pods, and
  - the first pods of Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs
    and CronJobs, and of OpenKruise's CloneSets and Advanced StatefulSets, made
    as their controllers make them: one pod of each, or as many as --replicas
    says, up to 1000 (of an indexed Job no more than its completions).

Every other object is the world they are admitted into, wherever it stands in
the input. The labels of Namespaces count, and the annotation
` + api.OnNodeLossAnnotation + `; a namespace that is not in the input
has none. Of what else there is, only WorkloadSpreads and SidecarSets have a say,
with what they depend on. A Pod that is bound to a node and has a UID or a phase exists
already, so it belongs to the world; so does one with a UID that is in a subset
of a WorkloadSpread there. So does a workload of the input that another one in
it controls, or that controls a Pod that is to be admitted.

Pods are taken as an API server sends them to the webhook as far as it matters:
with their namespace. Its defaults are not added. What a cluster draws at random
is made up, always alike: the ends of generated names, UIDs, template hashes.
Fields that this version does not know are named in a warning, and kept.

WorkloadSpreads (apps.kruise.io/v1alpha1) of the input choose subsets as in a
cluster. One that the validating webhook would refuse is reported by the fields
at fault and counts as not there. What decides:
  - The pods that are there: those of the world whose annotations say that they
    are in a subset, and each admitted pod for those after it. Whose pods they
    are is told from owners, so give the ReplicaSets of a Deployment with its
    Pods; its next pods are then of the same ReplicaSet, and so of the same
    version. Reservations in a status count for nothing.
  - The workload's own number of pods, of which percentages are. If more pods
    are in play than that, those there and those of --replicas together, it is
    their number: --replicas 10 with "replicas: 2" spreads 10 pods. Scale
    subresources are not known; spec.replicas and targetFilter.replicasPathList
    are.
  - Nodes say which subsets are virtual. A required term that matches none of
    the input is taken for that of a virtual node which is to come, unless it
    excludes virtual nodes by their label type; so without any Node, every other
    subset with such a term is virtual. Give the Nodes, or the annotation
    ` + api.VirtualSubsetsAnnotation + `.
  - The condition Schedulable in the status of an Adaptive one: a subset that
    cannot schedule pods is passed over.

SidecarSets (apps.kruise.io/v1alpha1) of the input are injected as in a cluster,
also into pods that are selected by a label from a subset's patch. One that the
validating webhook would refuse, alone or beside those before it, is reported by
the fields at fault and counts as not there; annotation whitelists are not known.
ControllerRevisions of the input are what injectionStrategy.revision can pin.
The record of what was injected gives 1970 as its time.

Pods that go to a virtual node are judged by what the virtual node would make of them:
what is not downstream what it is upstream is a warning, with what to do. So are
claims, as far as their StorageClasses and volumes are in the input. With --inventory,
a file of "spillway inventory", or --downstream-kubeconfig, also what the downstream
cluster lacks: classes, ServiceAccounts, drivers, nodes that fit, and whether its
namespace admits the pod. Replicas of a workload are warned of once. Give the flags that
the virtual node has, such as --storage-class-map, and its labels with --node-labels.
What could not be judged says "not judged". With --downstream-kubeconfig the rights of
"spillway inventory" are needed.

Output (-o):
  yaml   the admitted pods, documents separated by ---
  json   the admitted pods, as one object of the kind List
  patch  the JSON patch that the webhook answers for each pod, in a fixed order,
         below a comment that names the pod; [] for a pod left as it is
  diff   what was done to each pod and why, and what changed in its YAML; stash,
         records and sidecars are shown in short, what they hold with -o yaml

What there is to say about an object goes to stderr as
FILE: document N: KIND NAMESPACE/NAME: CLASS: TEXT. The classes are warning and not
judged; skipped and denied, for pods, with the reason; spilled, for pods that earlier
subsets had no room for; refused, for WorkloadSpreads and SidecarSets; and at the end, for each
WorkloadSpread that a pod was spread by, distribution: how many of the printed
pods are in each subset, in none, and of those that were there before.

The exit code is 0 when all pods were admitted or skipped, 2 when a pod was
denied or a policy object refused, and 1 when the input cannot be read; nothing
is printed then. A pod that is admitted without the WorkloadSpread which targets
it, as no subset has room or its patch fails, has a warning. So has one that is
admitted without a SidecarSet which selects it.`

const injectExample = `  spillway inject -f deployment.yaml
  spillway inject -f namespace.yaml -f jobs/ -o patch --replicas 3
  kubectl create deployment web --image=nginx --dry-run=client -o yaml | spillway inject -f - -o diff
  spillway inject -f pod.yaml | spillway recover -f -
  spillway inject -f spread.yaml -f deployment.yaml -f nodes.yaml --replicas 10 -o diff
  spillway inject -f sidecars.yaml -f deployment.yaml -o diff
  spillway inventory --downstream-kubeconfig east.kubeconfig > east.yaml
  spillway inject -f deployment.yaml --inventory east.yaml -o diff`

// maxReplicas is how many pods of each workload can be printed. Nobody reads
// more, and memory is finite.
const maxReplicas = 1000

// refusedError says that pods of the input were refused, or policy objects:
// WorkloadSpreads and SidecarSets.
type refusedError struct {
	verb                      string
	count, pods               int
	refusedPolicies, policies int
}

func (e refusedError) Error() string {
	var parts []string
	if e.count > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d pods %s", e.count, e.pods, e.verb))
	}
	if e.refusedPolicies > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d policy objects refused", e.refusedPolicies, e.policies))
	}
	return strings.Join(parts, ", ")
}

// exitCode returns the exit code that a command documents for its error: what the
// error says, 2 for pods that were refused, 1 for everything else.
func exitCode(err error) int {
	if coded, says := errors.AsType[interface {
		error
		ExitCode() int
	}](err); says {
		return coded.ExitCode()
	}
	if _, refused := errors.AsType[refusedError](err); refused {
		return 2
	}
	return 1
}

// inputFlags are those of the commands that work on files.
type inputFlags struct {
	files       []string
	output      string
	namespace   string
	routingKeys []string
}

func (f *inputFlags) register(cmd *cobra.Command, formats []string) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.files, "filename", "f", nil, `file or directory to read; "-": standard input; may be repeated, or followed by more files`)
	flags.StringVarP(&f.output, "output", "o", formats[0], "what to print: "+strings.Join(formats, ", "))
	flags.StringVarP(&f.namespace, "namespace", "n", "default", "namespace of objects that name none")
	flags.StringSliceVar(&f.routingKeys, "routing-keys", stash.DefaultRoutingKeys(), "node labels whose requirements stay upstream")
}

// read returns the objects of the files given with -f and of those that follow,
// as a shell makes of "-f *.yaml".
func (f *inputFlags) read(stdin io.Reader, args, formats []string) ([]manifest.Object, error) {
	files := slices.Concat(f.files, args)
	switch {
	case len(files) == 0:
		return nil, errors.New(`no input; give files with -f, or "-f -" for standard input`)
	case !slices.Contains(formats, f.output):
		return nil, fmt.Errorf("--output %q is not one of %s", f.output, strings.Join(formats, ", "))
	case !slices.Contains(f.routingKeys, api.NodeTypeLabel):
		return nil, fmt.Errorf("--routing-keys: %q must be among them, since placement requires it", api.NodeTypeLabel)
	}
	return manifest.Read(files, stdin)
}

func newInjectCommand() *cobra.Command {
	var (
		input        inputFlags
		replicas     int
		ownNamespace string
		virtual      virtualFlags
	)
	cmd := &cobra.Command{
		Use:     "inject -f FILE...",
		Short:   "Print what the webhook makes of the pods in files",
		Long:    injectHelp,
		Example: injectExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if replicas < 1 || replicas > maxReplicas {
				return fmt.Errorf("--replicas %d: must be between 1 and %d", replicas, maxReplicas)
			}
			objects, err := input.read(cmd.InOrStdin(), args, offline.Formats())
			if err != nil {
				return err
			}
			node, unread, err := virtual.complete(cmd, input.routingKeys)
			if err != nil {
				return err
			}
			for _, line := range unread {
				cmd.PrintErrln(line)
			}
			policy := mutate.Policy{RoutingKeys: input.routingKeys, OwnNamespace: ownNamespace}
			return inject(cmd, objects, offline.Options{Namespace: input.namespace, Replicas: replicas}, policy, &offline.Critic{Node: node}, input.output)
		},
	}
	input.register(cmd, offline.Formats())
	virtual.register(cmd)
	cmd.Flags().IntVar(&replicas, "replicas", 1, "how many pods of each workload to print, whatever its own number is")
	cmd.Flags().StringVar(&ownNamespace, "spillway-namespace", "spillway-system", "namespace Spillway runs in; its pods are never handled")
	return cmd
}

func inject(cmd *cobra.Command, objects []manifest.Object, opts offline.Options, policy mutate.Policy, critic *offline.Critic, format string) error {
	scene, err := offline.Arrange(objects, opts)
	if err != nil {
		return err
	}
	for _, line := range scene.Warnings {
		cmd.PrintErrln(line)
	}
	critic.Storage = scene.Storage
	var results []offline.Result
	denied := 0
	for _, subject := range scene.Subjects {
		result, err := scene.World.Admit(subject, policy)
		if err != nil {
			return err
		}
		criticism, err := critic.Judge(result)
		if err != nil {
			return err
		}
		for _, line := range slices.Concat(result.Messages(), criticism) {
			cmd.PrintErrln(line)
		}
		if result.Denied != nil {
			denied++
		}
		results = append(results, result)
	}
	if err := offline.Write(cmd.OutOrStdout(), format, results); err != nil {
		return err
	}
	for _, line := range scene.World.Distributions() {
		cmd.PrintErrln(line)
	}
	if denied > 0 || scene.RefusedPolicies > 0 {
		return refusedError{
			verb: "denied", count: denied, pods: len(results),
			refusedPolicies: scene.RefusedPolicies, policies: scene.Policies,
		}
	}
	return nil
}
