// One binary that is every component of a Kubernetes control plane, chosen by the name it is called by (argv[0]) or,
// called by any other name, by its first argument. One link instead of six keeps the first build and the cache small.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	_ "time/tzdata" // CronJob time zones need no zone files on the machine.

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/etcdmain"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	nodefast "sigs.k8s.io/kwok/kustomize/stage/node/fast"
	nodeheartbeat "sigs.k8s.io/kwok/kustomize/stage/node/heartbeat-with-lease"
	podfast "sigs.k8s.io/kwok/kustomize/stage/pod/fast"
	kwokconfig "sigs.k8s.io/kwok/pkg/config"
	kwok "sigs.k8s.io/kwok/pkg/kwok/cmd"
	kwoklog "sigs.k8s.io/kwok/pkg/log"
	kwoksignals "sigs.k8s.io/kwok/pkg/utils/signals"
)

var components = map[string]func(){
	"etcd":                    func() { etcdmain.Main(os.Args) },
	"kube-apiserver":          func() { run(apiserver.NewAPIServerCommand) },
	"kube-controller-manager": func() { run(controllermanager.NewControllerManagerCommand) },
	"kube-scheduler":          func() { run(func() *cobra.Command { return scheduler.NewSchedulerCommand() }) },
	"kubectl":                 runKubectl,
	"kwok":                    runKwok,
	"kwok-config":             printKwokConfig,
}

func main() {
	name := filepath.Base(os.Args[0])
	component, known := components[name]
	if !known && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		component, known = components[filepath.Base(os.Args[0])]
	}
	if !known {
		names := make([]string, 0, len(components))
		for n := range components {
			names = append(names, n)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "usage: call me as (or give as the first argument) one of: %s\n", strings.Join(names, ", "))
		os.Exit(2)
	}
	component()
}

func run(command func() *cobra.Command) { os.Exit(cli.Run(command())) }

// runKubectl is k8s.io/kubernetes/cmd/kubectl's main.
func runKubectl() {
	logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)) //nolint:errcheck // as upstream: a bad -v is reported later
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}

// runKwok is sigs.k8s.io/kwok/cmd/kwok's main, without the global flags that Kubernetes' packages have registered: cobra
// would take their --version for its own.
func runKwok() {
	pflag.CommandLine = pflag.NewFlagSet("kwok", pflag.ExitOnError)
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, logger := kwoklog.InitFlags(kwoksignals.SetupSignalContext(), flags)
	ctx, err := kwokconfig.InitFlags(ctx, flags)
	if err != nil {
		logger.Error("Init config flags", "err", err)
		os.Exit(1)
	}
	command := kwok.NewCommand(ctx)
	command.PersistentFlags().AddFlagSet(flags)
	if err := command.ExecuteContext(ctx); err != nil {
		logger.Error("Execute exit", "err", err)
		os.Exit(1)
	}
}

// printKwokConfig prints what `kwok --config` reads. Without the parallelisms kwok plays no stage at all, without node
// leases the controller manager takes every node for dead after 50 s, and without a CIDR all pods get 127.0.0.1, which no
// EndpointSlice may have. The stages come from kwok's own module, so that they are always those of the kwok in this binary.
func printKwokConfig() {
	fmt.Print(strings.Join([]string{
		`apiVersion: config.kwok.x-k8s.io/v1alpha1
kind: KwokConfiguration
options:
  cidr: 10.244.0.0/16
  nodeLeaseDurationSeconds: 40
  nodeLeaseParallelism: 4
  nodePlayStageParallelism: 4
  podPlayStageParallelism: 8
`,
		nodefast.DefaultNodeInit,
		nodeheartbeat.DefaultNodeHeartbeatWithLease,
		podfast.DefaultPodReady,
		podfast.DefaultPodComplete,
		podfast.DefaultPodDelete,
	}, "\n---\n"))
}
