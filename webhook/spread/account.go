package spread

import (
	"github.com/openkruise/kruise-api/apps/v1alpha1"
)

// Account is what a pod finds when it comes to a subset.
type Account struct {
	// Subset is the subset's name, and Virtual says that its pods run on virtual
	// nodes.
	Subset  string
	Virtual bool
	// Pods is how many active pods of the pod's version are in the subset, and Held
	// how many more slots of it are reserved for pods that nobody has seen.
	Pods, Held int
	// Most is its cap; nil if it has none.
	Most *int
	// Schedulable is its condition; nil if it has none.
	Schedulable *v1alpha1.WorkloadSpreadSubsetCondition
	// Passed is why the pod does not get this subset, which comes before the chosen
	// one; empty for that and for those behind.
	Passed string
	// Cordoned says that its virtual nodes are all cordoned, so that pods pass it over;
	// see CordonedSubsets.
	Cordoned bool
	// Chosen says that the pod gets it.
	Chosen bool
}

// Accounts decides for one pod more than the controller wants, as Choose does, and
// tells of every subset. The ledger must be Live, and nothing is recorded.
func (l Ledger) Accounts(r Request) ([]Account, Decision) {
	r.DryRun = true
	b := batch{Ledger: l, tallies: map[string]*tally{}, dropped: map[string][]reservation{}, granted: map[string][]reservation{}}
	b.open([]Request{r})
	// A dry run asks for no slot, so that open has not compared.
	b.balance(VersionOf(l.Spread, r.Pod), 0)
	d, _ := b.decide(r)
	t := b.tallies[VersionOf(l.Spread, r.Pod)]
	w := newWalk(l, r, &b)
	accounts := make([]Account, len(l.Spread.Spec.Subsets))
	stopped := false
	for i := range accounts {
		subset := &l.Spread.Spec.Subsets[i]
		a := Account{Subset: subset.Name, Virtual: l.Virtual[subset.Name], Schedulable: schedulableAt(l.Spread, i), Cordoned: w.cordons[subset.Name], Chosen: d.Subset == subset}
		for _, held := range t.unseen {
			if held.subset == i {
				a.Held++
			}
		}
		a.Pods = t.taken[i] - a.Held
		if most, limited, err := Cap(subset, l.Target.Replicas); limited && err == nil {
			a.Most = &most
		}
		if stopped = stopped || a.Chosen; !stopped {
			w.passed, w.unsaid = nil, 0
			_, stopped = w.visit(i)
			a.Passed = w.why()
		}
		accounts[i] = a
	}
	return accounts, d
}
