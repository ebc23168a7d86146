package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spillway-io/spillway/e2e/playground"
)

// arrangement says on which cores what runs. The zero value is all on all.
type arrangement struct{ enough bool }

const (
	// upstreamCore is that of the upstream cluster, the virtual node and this process.
	upstreamCore = 0
	// downstreamCore is that of the downstream cluster.
	downstreamCore = 1
)

// ownCores is a core for each cluster, if the machine has them.
func ownCores() arrangement {
	err := errors.New("there is only one")
	if runtime.NumCPU() > 1 {
		err = playground.RunOn(upstreamCore)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: WARNING: the clusters cannot have cores of their own, so all processes share what there is, and rates say little:", err)
		return arrangement{}
	}
	return arrangement{enough: true}
}

func (a arrangement) own() bool { return a.enough }

func (a arrangement) String() string {
	if a.own() {
		return "a core for each cluster"
	}
	return "all cores shared"
}

// settle has this process, and what it starts from now on, run where it is to run.
func (a arrangement) settle() error {
	cores := []int{upstreamCore}
	if !a.own() {
		cores = nil
		for core := range runtime.NumCPU() {
			cores = append(cores, core)
		}
	}
	defer runtime.SetDefaultGOMAXPROCS()
	return playground.RunOn(cores...)
}

// downstream are the cores of the downstream cluster; none are all.
func (a arrangement) downstream() []int {
	if a.own() {
		return []int{downstreamCore}
	}
	return nil
}
