package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/access"
	"github.com/spillway-io/spillway/cmd/spillway/internal/doctor/finding"
	"github.com/spillway-io/spillway/cmd/spillway/internal/downstream"
)

const doctorHelp = `Find what is wrong with an installation, as the API servers of its clusters see it,
and say what to do about each. Nothing is changed: pods are tried by a dry run, and
what would be deleted downstream is shown only.

The worst comes first, two lines for each finding; then what could not be looked at,
and a line for each check that is well. The checks, all of them or those of --check:

%s
The downstream clusters are asked with the kubeconfigs that the virtual nodes use
themselves, from the Secrets of their Deployments, or with those that are given.

The exit code is 0 when there is nothing but notes, 2 with warnings, 3 with errors, and 1
when the upstream cluster could not be asked at all. What could not be looked at and may
hide something counts as a warning.

It takes these rights upstream; without some of them the rest is looked at all the same:

  list    mutatingwebhookconfigurations, validatingwebhookconfigurations, nodes,
          namespaces, deployments, pods, persistentvolumeclaims, persistentvolumes,
          workloadspreads, sidecarsets, endpointslices and controllerrevisions, in all
          namespaces
  get     namespace kube-system, services, leases, configmaps, and the workloads that
          WorkloadSpreads name; the Secrets with the kubeconfigs, unless those are given
  create  pods in --admission-namespace (dry run), subjectaccessreviews; and get and
          create pods/portforward where webhooks and virtual nodes run

and downstream those of the virtual node itself. With --secret, to get that Secret.

With --print-downstream-rbac it asks no cluster, but prints the roles that a virtual
node needs in its downstream cluster, and a ServiceAccount that has them. The
namespace is also where the node's claim is: give it to spillway node as
--claim-namespace.`

const doctorExample = `  spillway doctor
  spillway doctor --check certificates,admission -o json
  spillway doctor --downstream-kubeconfig east=east.kubeconfig
  spillway doctor --print-downstream-rbac | kubectl --kubeconfig downstream.yaml apply -f -`

// foundError says what was found.
type foundError struct {
	summary string
	code    int
}

func (e foundError) Error() string { return e.summary }

// ExitCode is by the worst of it.
func (e foundError) ExitCode() int { return e.code }

type doctorFlags struct {
	cluster        clusterFlags
	output         string
	kubeconfigs    []string
	options        doctor.Options
	printRoles     bool
	namespace      string
	serviceAccount string
}

func newDoctorCommand() *cobra.Command {
	var f doctorFlags
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Find what is wrong with an installation",
		Long:    fmt.Sprintf(doctorHelp, doctor.About()),
		Example: doctorExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.printRoles {
				return f.print(cmd.OutOrStdout())
			}
			return f.examine(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f.cluster.register(cmd)
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", doctor.Formats()[0], "what to print: "+strings.Join(doctor.Formats(), ", "))
	flags.StringSliceVar(&f.options.Checks, "check", nil, "names of the checks to run; empty: all")
	flags.StringArrayVar(&f.kubeconfigs, downstream.Flag, nil, downstream.FlagHelp)
	flags.DurationVar(&f.options.Timeout, "timeout", 30*time.Second, "how long each check may take; all run at the same time")
	flags.StringVar(&f.options.AdmissionNamespace, "admission-namespace", "default", "namespace in which a pod that opts in is tried, by a dry run")
	flags.StringSliceVar(&f.options.Certificates.Configurations, "configuration", nil, "names of the webhook configurations whose certificates to look at; empty: all webhooks whose names end in .spillway.io")
	flags.StringVar(&f.options.Certificates.Address, "address", "", "host:port that answers for the pods of the Services, where the API server has no way to the pods")
	flags.StringVar(&f.options.Certificates.Secret, "secret", "", "judge the certificate in this Secret too, in the namespace of the Services")
	flags.BoolVar(&f.printRoles, "print-downstream-rbac", false, "print what a virtual node needs in its downstream cluster, for kubectl apply -f -")
	flags.StringVarP(&f.namespace, "namespace", "n", access.DefaultNamespace, "downstream namespace of the ServiceAccount and of the claim, with --print-downstream-rbac")
	flags.StringVar(&f.serviceAccount, "service-account", access.DefaultServiceAccount, "name of the downstream ServiceAccount, with --print-downstream-rbac")
	return cmd
}

func (f *doctorFlags) print(to io.Writer) error {
	roles, err := access.DownstreamRoles(f.namespace, f.serviceAccount)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(to, roles); err != nil {
		return fmt.Errorf("cannot print the roles: %w", err)
	}
	return nil
}

func (f *doctorFlags) examine(ctx context.Context, to io.Writer) error {
	if !slices.Contains(doctor.Formats(), f.output) {
		return fmt.Errorf("--output %q is not one of %s", f.output, strings.Join(doctor.Formats(), ", "))
	}
	if err := f.options.Validate(); err != nil {
		return err
	}
	config, err := f.cluster.config()
	if err != nil {
		return err
	}
	at := &f.options.Site
	at.Config, at.Kubeconfigs, at.NodeOptions, at.Version, at.Now = config, f.kubeconfigs, nodeOptions, buildVersion(), time.Now
	at.Open = lookInto
	report, err := doctor.Examine(ctx, f.options)
	if err != nil {
		return err
	}
	if err := report.Write(to, f.output); err != nil {
		return err
	}
	switch {
	case report.Count(finding.Error) > 0:
		return foundError{report.Summary(), 3}
	case report.Count(finding.Warning) > 0:
		return foundError{report.Summary(), 2}
	default:
		return nil
	}
}
