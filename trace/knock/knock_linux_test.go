package knock

import (
	"errors"
	"net/netip"
	"testing"

	"nfscope/model"
	"nfscope/trace/nettest"
)

// TestKnock: what comes back is told, and whether a refusal is this host's or came from
// afar, which the socket's error does not say.
func TestKnock(t *testing.T) {
	t.Parallel()
	nettest.Kernel(t)
	n := nettest.NewRouted(t)
	nettest.Run(t, n.Router, "ip", "route", "add", "unreachable", "198.51.100.0/24")
	nettest.Run(t, n.Client, "ip", "route", "add", "unreachable", "192.0.2.0/24")
	for _, c := range []struct {
		proto model.Proto
		dst   string
		want  Back
	}{
		{model.ProtoTCP, "10.2.0.2", Back{Words: "connection refused", Refused: true}},
		{model.ProtoUDP, "10.2.0.2", Back{Words: "connection refused", Refused: true}},
		{model.ProtoICMP, "10.2.0.2", Back{Words: "answered"}},
		{model.ProtoTCP, "198.51.100.1", Back{Words: "no route to host", Refused: true}},
		{model.ProtoTCP, "192.0.2.1", Back{Words: "no route to host", Refused: true, Unsent: true}},
		{model.ProtoUDP, "192.0.2.1", Back{Words: "no route to host", Refused: true, Unsent: true}},
		{model.ProtoICMP, "192.0.2.1", Back{Words: "no route to host", Refused: true, Unsent: true}},
	} {
		got, err := Knock(t.Context(), n.Client, Door{Proto: c.proto, Dst: netip.MustParseAddr(c.dst), Port: 9})
		if err != nil || got != c.want {
			t.Errorf("%v to %s: %+v, %v, want %+v", c.proto, c.dst, got, err, c.want)
		}
	}
}

func TestNoSocket(t *testing.T) {
	if err := error(errNoSocket{errors.New("operation not permitted")}); !errors.As(err, &errNoSocket{}) || err.Error() != "a socket for an ICMP echo: operation not permitted; it takes CAP_NET_RAW, or a group within net.ipv4.ping_group_range" {
		t.Error(err)
	}
}
