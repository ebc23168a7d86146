package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/spillway-io/spillway/api"
	"github.com/spillway-io/spillway/provider/capacity"
	"github.com/spillway-io/spillway/provider/orphans"
	"github.com/spillway-io/spillway/provider/pods"
	"github.com/spillway-io/spillway/provider/references"
	"github.com/spillway-io/spillway/provider/translate"
)

// translation are the flags about what becomes of a pod downstream.
func (f *nodeFlags) translation(flags *pflag.FlagSet) {
	translationRules(flags, &f.options.Rules, &f.apiAccess)
	flags.StringVar((*string)(&f.options.CollectGarbage), "collect-garbage", string(references.Collect),
		"what becomes of copies of ConfigMaps and Secrets that no pod uses any more: collect deletes them, preview logs them, off leaves them alone")
	flags.StringVar((*string)(&f.options.DeleteOrphans), "delete-orphans", string(orphans.Delete),
		"what becomes of downstream pods that have no upstream pod any more: delete deletes them, but not most of them at once, preview tells of them on the node, off leaves them alone")
	flags.DurationVar(&f.options.StrandedAfter, "stranded-after", pods.DefaultStrandedAfter,
		"how long the end of a pod that was deleted downstream may be overdue, as when its downstream node is dead, before its upstream pod is deleted, to be replaced; 0: for ever")
	flags.StringVar(&f.apiServer, "pod-api-server", "", "host:port of the upstream API server as pods downstream reach it; needed for upstream access")
}

// translationRules are those of them that say how a pod is translated.
func translationRules(flags *pflag.FlagSet, rules *translate.Rules, apiAccess *[]string) {
	flags.StringVar(&rules.Namespaces.Prefix, "namespace-prefix", "", "what the names of downstream namespaces begin with; empty: they have the upstream names")
	flags.StringToStringVar(&rules.Namespaces.Names, "namespace-map", nil, "single namespaces with other names downstream, as upstream=downstream,...; the prefix is not for them")
	flags.StringToStringVar(&rules.SchedulerNames, "scheduler-map", nil, "schedulers of downstream pods, as upstream=downstream,...; all others: the downstream default")
	flags.StringToStringVar(&rules.RuntimeClasses, "runtime-class-map", nil, "RuntimeClasses of downstream pods, as upstream=downstream,...; all others keep their names")
	flags.StringToStringVar(&rules.StorageClasses, "storage-class-map", nil, "StorageClasses of downstream claims, as upstream=downstream,...; all others keep their names")
	flags.StringSliceVar(apiAccess, "pod-api-access", []string{string(translate.AccessNone)},
		"which Kubernetes API pods may have: upstream, downstream, none; the first is the default, the others are for pods that ask with the annotation "+api.APIAccessAnnotation)
}

// capacity are the flags about what of the downstream cluster is offered.
func (f *nodeFlags) capacity(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.tolerated, "tolerate-taints", nil, "taints that do not make a downstream node unusable, as key=value:effect, key:effect or key; the pods should tolerate them")
	flags.StringToStringVar(&f.reserve, "reserve", nil, "what is held back of the downstream cluster's free resources, as cpu=2,memory=4Gi")
	flags.StringToStringVar(&f.limit, "capacity-limit", nil, "the most that the node offers, as cpu=100,memory=1Ti")
}

func (f *nodeFlags) completePolicy(policy *capacity.Policy) error {
	var errs [3]error
	policy.Tolerated, errs[0] = capacity.ParseTolerated("--tolerate-taints", f.tolerated)
	policy.Reserve, errs[1] = capacity.ParseResources("--reserve", f.reserve)
	policy.Limit, errs[2] = capacity.ParseResources("--capacity-limit", f.limit)
	return errors.Join(errs[:]...)
}
