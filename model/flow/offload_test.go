package flow

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"nfscope/model"
)

// TestOffload: what a flowtable forwards has neither state nor timeout in a dump
// (ctnetlink_dump_info, net/netfilter/nf_conntrack_netlink.c), while events before told
// them. It is OFFLOAD in the same words all the time, and comes back as what it is then.
// The kernel of the tests has no flowtables: these are its messages as the source has them.
func TestOffload(t *testing.T) {
	t.Parallel()
	at := time.Unix(1000, 0)
	f := &Flow{ID: 1, Family: model.FamilyIPv4, State: "ESTABLISHED", Status: SeenReply | Assured | Confirmed, Timeout: 100 * time.Second, Seen: at,
		Orig: Side{Tuple: ends(model.ProtoTCP, "10.0.0.1:1", "10.0.0.2:80")}, Reply: Side{Tuple: ends(model.ProtoTCP, "10.0.0.2:80", "10.0.0.1:1")}}
	var tab Table
	tab.SetTimeouts(Timeouts{"tcp_timeout_established": 432000})
	for _, c := range []struct {
		typ     EventType
		state   string
		status  Status
		timeout time.Duration
		word    string
		max     time.Duration
		says    string
	}{
		{EventNew, "ESTABLISHED", 0, 100 * time.Second, "ESTABLISHED", 432000 * time.Second, ""},
		{EventUpdate, "", Offload, 0, "OFFLOAD", 0, "flowtable"},
		{EventDump, "", Offload, 0, "OFFLOAD", 0, "flowtable"},
		{EventDump, "", Offload | HWOffload, 0, "HW_OFFLOAD", 0, "network card"},
		{EventDump, "ESTABLISHED", 0, 120 * time.Second, "ESTABLISHED", 432000 * time.Second, ""},
	} {
		x := *f
		x.State, x.Status, x.Timeout = c.state, f.Status|c.status, c.timeout
		tab.Apply(Event{Type: c.typ, Time: at, Flow: &x})
		got := tab.Get(f.Key())
		if got.Word() != c.word || got.TimeoutMax != c.max {
			t.Errorf("%v: %s, of %v, expected %s of %v", c.typ, got.Word(), got.TimeoutMax, c.word, c.max)
		}
		if said := strings.Join(got.Explain(), "\n"); !strings.Contains(said, c.says) || c.says == "" && strings.Contains(said, "flowtable") {
			t.Errorf("%s: %s", c.word, said)
		}
		b, err := json.Marshal(Event{Type: EventDump, Flow: got})
		if want := `"offload":` + map[bool]string{true: "true", false: "false"}[c.says != ""]; err != nil || !strings.Contains(string(b), want) {
			t.Errorf("%s in %s, %v", want, b, err)
		}
	}
}
