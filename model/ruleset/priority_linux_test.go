package ruleset_test

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
	"nfscope/trace/nettest"
)

// TestPriorityName: a priority has the name that nft itself prints for it, in every family
// and at every hook, and with an offset up to ten; and nft reads it as that number.
func TestPriorityName(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t, "nft")
	ns := nettest.New(t, "priority")
	near := func(list ...int) (all []int) {
		for _, n := range list {
			for _, d := range []int{-11, -10, -7, 0, 1, 10, 11} {
				all = append(all, n+d)
			}
		}
		return all
	}
	var text strings.Builder
	for f, hooks := range map[model.Family][]model.Hook{
		model.FamilyInet:   {model.HookPrerouting, model.HookInput, model.HookForward, model.HookOutput, model.HookPostrouting},
		model.FamilyIPv4:   {model.HookPrerouting, model.HookPostrouting},
		model.FamilyBridge: {model.HookPrerouting, model.HookForward, model.HookOutput, model.HookPostrouting},
		model.FamilyARP:    {model.HookInput, model.HookOutput},
	} {
		fmt.Fprintf(&text, "table %s t {\n", f)
		for _, h := range hooks {
			for i, p := range near(-300, -200, -150, -100, 0, 50, 100, 300) {
				fmt.Fprintf(&text, "chain %s%d { type filter hook %s priority %d\n}\n", h, i, h, p)
			}
		}
		text.WriteString("}\n")
	}
	nettest.Feed(t, ns, text.String(), "nft", "-f", "-")
	listed := nettest.Run(t, ns, "nft", "list", "ruleset")
	tables, problems := ruleset.ParseNFT("nft", []byte(listed))
	numbers, _ := ruleset.ParseNFT("nft", []byte(nettest.Run(t, ns, "nft", "-y", "list", "ruleset")))
	if len(problems) > 0 || len(tables) != 4 {
		t.Fatal(problems)
	}
	named := 0
	for i, tb := range tables {
		part := listed[strings.Index(listed, "table "+tb.Family.String()+" "):]
		for j, c := range tb.Chains {
			_, line, _ := strings.Cut(part, "chain "+c.Name+" {")
			_, line, _ = strings.Cut(line, " priority ")
			want, _, _ := strings.Cut(line, ";")
			got := ruleset.PriorityName(tb.Family, c.Hook, c.Priority)
			if got == "" {
				got = c.Priority.String()
			} else {
				named++
			}
			if got != want || c.Priority != numbers[i].Chains[j].Priority {
				t.Errorf("%s %s %d (%d): %q, nft says %q", tb.Family, c.Hook, c.Priority, numbers[i].Chains[j].Priority, got, want)
			}
		}
	}
	if named < 200 {
		t.Errorf("only %d have names", named)
	}
	if got := ruleset.PriorityText(tables[0], tables[0].Chains[0]); !strings.HasPrefix(got, "-311") {
		t.Error(got)
	}
}
