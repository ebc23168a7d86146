// Package crds lists the kinds whose CustomResourceDefinitions the chart brings
// along for clusters that have no OpenKruise, each in a folder of its own:
// controller-gen, asked for two of them at once, takes one of OpenKruise's packages
// into account as well. `make generate` writes charts/spillway/files/crds from it.
// Nothing imports it.
//
// Spec and status are OpenKruise's own types, so that its users keep their YAML;
// a kind's names and columns are said here, because Kruise's show too little.
//
// The package refuses to add a field to a kind.
package crds
