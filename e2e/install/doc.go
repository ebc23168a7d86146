// Package install tells what an administrator sees who installs Spillway by its
// chart, in clusters with real kubelets and containers: that two commands bring
// it up, that users' pods then run and can be looked into, that upgrades and lost
// replicas cost nobody a pod, and what is left when it is removed.
//
// Upstream, the webhook and the virtual node are pods, which reach their API
// server as pods do; nothing but the chart, helm and kubectl put them there. The
// phases of TestInstall build on each other and share one installation. Nothing
// else belongs here: what needs no installation is told in e2e/containers, and
// what needs no containers in e2e/stories.
package install
