// Package chaos does to Spillway what networks, crashes and operators do, while
// hundreds of pods run and ten come and go each second, and has package invariants
// say what that cost. It must cost nothing.
//
//	Plan     seed to rounds of faults; pure                        (plan.go)
//	faults   what is done, a list that reads like a bad month      (list.go)
//	Stage    two real control planes, the webhook, two replicas of
//	         a virtual node behind proxies that make faults        (stage.go)
//	churn    the workload, and what its users do all the time      (workload.go, churn.go)
//	Run      one round after the other, and the verdict            (run.go)
//
// Whatever stands for the rest of the world is helped to its feet after an outage:
// schedulers, controllers and kwok, which plays kubelets, would wait for up to a
// minute before they ask their API server again. Spillway's own processes are
// not: when they end, they are started again as a kubelet would, and that is all.
//
// The package refuses to repair what a fault broke, to try again what failed once,
// and to let a fault pass that was not really there: one that cannot be made is an
// error.
package chaos
