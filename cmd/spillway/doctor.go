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
)

const doctorHelp = `Find what is wrong with the certificates of the webhooks that are registered in the
upstream cluster, as its API servers see them, and say what to do.

Each webhook's caBundle is compared with the certificate that each ready replica
really serves, fetched by a port-forward to the pod; a webhook that is registered
by a URL is dialled directly. Nothing is changed.

It needs the rights to list mutatingwebhookconfigurations and
validatingwebhookconfigurations, to get services, to list endpointslices, and to
get and create pods/portforward; with --secret, to get that Secret.

One line per finding on stdout. The exit code is 0 when nothing is wrong, else 1.

With --print-downstream-rbac it asks no cluster, but prints the roles that a virtual
node needs in its downstream cluster, and a ServiceAccount that has them. The
namespace is also where the node's claim is: give it to spillway node as
--claim-namespace.`

const doctorExample = `  spillway doctor
  spillway doctor -o json --configuration spillway
  spillway doctor --print-downstream-rbac | kubectl --kubeconfig downstream.yaml apply -f -`

// foundError says that findings were printed.
type foundError int

func (e foundError) Error() string {
	if e == 1 {
		return "1 problem found"
	}
	return fmt.Sprintf("%d problems found", int(e))
}

type doctorFlags struct {
	kubeconfig     string
	output         string
	timeout        time.Duration
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
		Long:    doctorHelp,
		Example: doctorExample,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.printRoles {
				return f.print(cmd.OutOrStdout())
			}
			return f.examine(cmd.Context(), cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kubeconfig, "kubeconfig", "", kubeconfigFlag)
	flags.StringVarP(&f.output, "output", "o", doctor.Formats()[0], "what to print: "+strings.Join(doctor.Formats(), ", "))
	flags.DurationVar(&f.timeout, "timeout", time.Minute, "how long all of it may take")
	flags.StringSliceVar(&f.options.Configurations, "configuration", nil, "names of the webhook configurations to look at; empty: all webhooks whose names end in .spillway.io")
	flags.StringVar(&f.options.Address, "address", "", "host:port that answers for the pods of the Services, where the API server has no way to the pods")
	flags.StringVar(&f.options.Secret, "secret", "", "judge the certificate in this Secret too, in the namespace of the Services")
	flags.BoolVar(&f.printRoles, "print-downstream-rbac", false, "print what a virtual node needs in its downstream cluster, for kubectl apply -f -")
	flags.StringVarP(&f.namespace, "namespace", "n", doctor.DefaultNamespace, "downstream namespace of the ServiceAccount and of the claim, with --print-downstream-rbac")
	flags.StringVar(&f.serviceAccount, "service-account", doctor.DefaultServiceAccount, "name of the downstream ServiceAccount, with --print-downstream-rbac")
	return cmd
}

func (f *doctorFlags) print(to io.Writer) error {
	roles, err := doctor.DownstreamRoles(f.namespace, f.serviceAccount)
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
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	var err error
	if f.options.Config, err = lookInto(f.kubeconfig); err != nil {
		return fmt.Errorf("--kubeconfig: %w", err)
	}
	report, err := doctor.Examine(ctx, f.options)
	if err != nil {
		return err
	}
	if err := report.Write(to, f.output); err != nil {
		return err
	}
	if found := len(report.Findings); found > 0 {
		return foundError(found)
	}
	return nil
}
