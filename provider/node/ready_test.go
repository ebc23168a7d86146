package node

import "testing"

// TestReady: who waits to be elected says nothing, and who keeps the Node what it says.
func TestReady(t *testing.T) {
	r := Runner{keeper: newKeeper(Spec{Name: "east"}, func() {})}
	if r.Ready() {
		t.Error("there is no Node to be kept yet, and it is said to be ready")
	}
	r.keeper.begin(State{Ready: Readiness{OK: true}})
	if !r.Ready() {
		t.Error("the Node says Ready, and it is said that it does not")
	}
	r.keeper.update(t.Context(), func(s *State) { s.Ready.OK = false })
	if r.Ready() {
		t.Error("the Node says NotReady, and it is said to be ready")
	}
}
