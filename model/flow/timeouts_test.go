package flow

import (
	"testing"
	"time"

	"nfscope/model"
)

// TestTimeouts: the sysctl that a timeout comes from, and where it is not known where it began.
func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		proto  model.Proto
		state  string
		status Status
		want   string
	}{
		{model.ProtoTCP, "TIME_WAIT", SeenReply | Assured, "tcp_timeout_time_wait"},
		{model.ProtoSCTP, "COOKIE_ECHOED", 0, "sctp_timeout_cookie_echoed"},
		{model.ProtoDCCP, "PARTOPEN", 0, "dccp_timeout_partopen"},
		{model.ProtoDCCP, "CLOSEREQ", 0, "dccp_timeout_closing"},
		{model.ProtoUDP, "", SeenReply, "udp_timeout"},
		{model.ProtoUDP, "", SeenReply | Assured, "udp_timeout_stream"},
		{model.ProtoUDPLite, "", SeenReply | Assured, "udp_timeout_stream"},
		{model.ProtoGRE, "", 0, "gre_timeout"},
		{model.ProtoGRE, "", SeenReply, "gre_timeout_stream"},
		{model.ProtoICMP, "", 0, "icmp_timeout"},
		{model.ProtoICMPv6, "", SeenReply, "icmpv6_timeout"},
		{253, "", 0, "generic_timeout"},
	} {
		f := &Flow{Orig: Side{Tuple: model.Tuple{Proto: c.proto}}, State: c.state, Status: c.status, Timeout: 20 * time.Second}
		m := Timeouts{c.want: 30}
		if got := m.Name(f); got != c.want || m.Of(f) != 30*time.Second {
			t.Errorf("%v %s %v: %s, %v; expected %s", c.proto, c.state, c.status.List(), got, m.Of(f), c.want)
		}
		for _, s := range []Status{Offload, HWOffload, FixedTimeout} {
			x := *f
			if x.Status |= s; m.Of(&x) != 0 {
				t.Errorf("%v %v: of %v", c.proto, s.List(), m.Of(&x))
			}
		}
		if f.Timeout = 31 * time.Second; m.Of(f) != 0 || (Timeouts{}).Of(f) != 0 {
			t.Errorf("%v: more is left than the sysctl gives, and it is of %v", c.proto, m.Of(f))
		}
	}
}

// TestStatusNames: each bit has the name that the kernel's header gives it (enum ip_conntrack_status,
// nf_conntrack_common.h), and is read back.
func TestStatusNames(t *testing.T) {
	t.Parallel()
	for i, want := range []string{"EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST", "SRC_NAT_DONE", "DST_NAT_DONE", "DYING",
		"FIXED_TIMEOUT", "TEMPLATE", "UNTRACKED", "HELPER", "OFFLOAD", "HW_OFFLOAD", "0x10000", "0x20000"} {
		got := Status(1 << i).List()
		back, err := ParseStatus(got)
		if len(got) != 1 || got[0] != want || err != nil || back != 1<<i {
			t.Errorf("bit %d: %v, expected %s; read back as %#x, %v", i, got, want, uint32(back), err)
		}
	}
	for i, s := range []Status{Expected, SeenReply, Assured, Confirmed, SrcNAT, DstNAT, SeqAdjust, SrcNATDone, DstNATDone, Dying, FixedTimeout, Template, Untracked, Helper, Offload, HWOffload} {
		if s != 1<<i {
			t.Errorf("bit %d is %#x", i, uint32(s))
		}
	}
}
