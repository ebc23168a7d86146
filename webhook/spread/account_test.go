package spread_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/spillway-io/spillway/webhook/spread"
)

// TestAccounts: what a pod that comes next would find, in the words of its owner.
func TestAccounts(t *testing.T) {
	cases := map[string]struct {
		reason string
		ledger spread.Ledger
		want   []string
	}{
		"first": {
			reason: "the first subset has room, and those behind it are not looked at",
			ledger: ledgerOf("a=3 b", has(2, "a"), live),
			want:   []string{"a 2+0/3 chosen", "b 0+0/-"},
		},
		"full": {
			reason: "a slot is taken by a pod, or held for one",
			ledger: ledgerOf("a=3 b", has(2, "a"), holds("a", 1, "x"), has(1, "b"), live),
			want:   []string{"a 2+1/3 a is full (3 of 3)", "b 1+0/- chosen"},
		},
		"held-for-nothing": {
			reason: "the controller wants no more pods than there are, so none will come for the slot",
			ledger: ledgerOf("a=3 b", has(2, "a"), holds("a", 1, "x"), wants(2), live),
			want:   []string{"a 2+0/3 chosen", "b 0+0/-"},
		},
		"closed": {
			reason: "a subset that no pod can be scheduled in is passed over",
			ledger: ledgerOf("a b", is("a", corev1.ConditionFalse), live),
			want:   []string{"a 0+0/- False a is unschedulable (0/3 nodes are available)", "b 0+0/- chosen"},
		},
		"none": {
			reason: "no subset has room, and each says why",
			ledger: ledgerOf("a=1 b=1", has(1, "a"), has(1, "b"), live),
			want:   []string{"a 1+0/1 a is full (1 of 1)", "b 1+0/1 b is full (1 of 1)"},
		},
		"unknown-base": {
			reason: "a percentage of nobody knows what has no cap, and no choice",
			ledger: ledgerOf("a=50% b", baseUnknown, live),
			want:   []string{"a 0+0/-", "b 0+0/-"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			accounts, decision := c.ledger.Accounts(asks(1)[0])
			if same := c.ledger.Choose([]spread.Request{dryRun()}).Decisions[0]; name != "held-for-nothing" && same.Message != decision.Message {
				t.Errorf("Choose says %q, Accounts %q", same.Message, decision.Message)
			}
			var got []string
			for _, a := range accounts {
				got = append(got, told(a))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

func told(a spread.Account) string {
	most, schedulable, chosen := "-", "", ""
	if a.Most != nil {
		most = fmt.Sprint(*a.Most)
	}
	if a.Schedulable != nil {
		schedulable = string(a.Schedulable.Status)
	}
	if a.Chosen {
		chosen = "chosen"
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %d+%d/%s %s %s %s", a.Subset, a.Pods, a.Held, most, schedulable, a.Passed, chosen)), " ")
}
