package logs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"nfscope/model"
	"nfscope/model/journey"
	"nfscope/model/logline"
	"nfscope/trace/kmsg"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
	"nfscope/trace/nflog"
)

var update = flag.Bool("update", false, "write what the kernel says to testdata")

// pair is a line of testdata/lines.ndjson, behind one that names the kernel: a line of the
// kernel's log, and of the same packet at the same place the copy that the next rule sent
// to an NFLOG group.
type pair struct {
	Text    string
	Level   int
	In, Out string  `json:",omitempty"`
	Mark    uint32  `json:",omitempty"`
	UID     *uint32 `json:",omitempty"`
	GID     *uint32 `json:",omitempty"`
	Payload []byte
}

const goldenLines = "testdata/lines.ndjson"

// TestKernelLines holds what we read from a line of LOG against the packet itself. The
// lines are a kernel's own: docs/facts.md says how they were taken. Where this kernel's LOG
// writes for other namespaces than the first (nf_log_all_netns, which no test may set), they
// are made anew and held likewise.
func TestKernelLines(t *testing.T) {
	t.Parallel()
	f, err := os.Open(goldenLines)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := json.NewDecoder(f)
	if err := d.Decode(&struct{ Kernel string }{}); err != nil {
		t.Fatal(err)
	}
	var list []pair
	for {
		var p pair
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 150 {
		t.Errorf("%d lines", len(list))
	}
	holdLines(t, list)
	if b, err := os.ReadFile(allNetns); err == nil && strings.TrimSpace(string(b)) == "1" {
		linesAnew(t)
	}
}

func linesAnew(t *testing.T) {
	t.Helper()
	nettest.Kernel(t, "iptables-legacy-restore", "ip6tables-legacy-restore", "nft")
	pairs := takeLines(t)
	holdLines(t, pairs)
	if !*update || t.Failed() {
		return
	}
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(struct{ Kernel string }{unix.ByteSliceToString(u.Release[:]) + " " + unix.ByteSliceToString(u.Version[:])})
	for i := range pairs {
		err = errors.Join(err, e.Encode(&pairs[i]))
	}
	if err = errors.Join(err, os.WriteFile(goldenLines, b.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
}

// holdLines compares what a line says with the packet's own headers.
func holdLines(t *testing.T, pairs []pair) {
	t.Helper()
	for _, p := range pairs {
		got, ok := fromKernel(&kmsg.Record{Level: p.Level, Text: p.Text})
		if !ok {
			t.Errorf("no line of LOG: %s", p.Text)
			continue
		}
		family := model.FamilyIPv4
		if p.Payload[0]>>4 == 6 {
			family = model.FamilyIPv6
		}
		packet, err := model.DecodePacket(family, p.Payload, nil)
		if err != nil {
			t.Errorf("%s: %v", p.Text, err)
			continue
		}
		packet.Mark = p.Mark
		packet.Content = 0 // a line tells nothing of it
		told(&packet, p.Text)
		want := logline.Line{Level: 4, Prefix: got.Prefix, Family: family, In: p.In, Out: p.Out, Packet: &packet, UID: p.UID, GID: p.GID, Mark: p.Mark, Source: logline.Log, Text: got.Text}
		if !slices.Contains(streams, want.Prefix) {
			t.Errorf("%s: prefix %q", p.Text, want.Prefix)
		}
		if d := cmp.Diff(want, got, sameAddr); d != "" {
			t.Errorf("%s\nthe packet (-), the line (+):\n%s", p.Text, d)
		}
	}
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// told takes out of a packet what the kernel does not print.
func told(p *model.Packet, text string) {
	if p.Family == model.FamilyIPv4 {
		p.TOS &^= 1 // IPTOS_TOS and IPTOS_PREC leave out the last bit, of ECN
	}
	if p.Proto == model.ProtoTCP && !strings.Contains(text, " SEQ=") { // --log-tcp-sequence
		p.Seq, p.Ack = 0, 0
	}
	if p.Proto == model.ProtoSCTP || p.Proto == model.ProtoDCCP || strings.Contains(text, " INCOMPLETE [") {
		p.SPort, p.DPort, p.Transport = 0, 0, false
	}
}

// streams are the prefixes of the rules; each has a line and a copy of every packet.
var streams = []string{"legacy4 ", "legacy6 ", "nft4 ", "nft6 ", "in4 ", "out4 ", "out6 ", "mac4 ", "[IN=x OUT=y] "}

// lastPort is where the last packet of every stream goes to.
const lastPort = 4999

const rules4 = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A INPUT -j LOG --log-prefix "in4 " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-A INPUT -j NFLOG --nflog-group 9 --nflog-prefix "in4 "
-A FORWARD -j LOG --log-prefix "legacy4 " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-A FORWARD -j NFLOG --nflog-group 9 --nflog-prefix "legacy4 "
-A FORWARD -j LOG --log-prefix "mac4 " --log-macdecode
-A FORWARD -j NFLOG --nflog-group 9 --nflog-prefix "mac4 "
-A FORWARD -j LOG --log-prefix "[IN=x OUT=y] "
-A FORWARD -j NFLOG --nflog-group 9 --nflog-prefix "[IN=x OUT=y] "
-A OUTPUT -p udp -j LOG --log-prefix "out4 " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-A OUTPUT -p udp -j NFLOG --nflog-group 9 --nflog-prefix "out4 "
COMMIT
*mangle
:FORWARD ACCEPT [0:0]
-A FORWARD -p udp -m udp --dport 4001 -j MARK --set-mark 0x2a
COMMIT
`

const rules6 = `*filter
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A FORWARD -j LOG --log-prefix "legacy6 " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-A FORWARD -j NFLOG --nflog-group 9 --nflog-prefix "legacy6 "
-A OUTPUT -p udp -j LOG --log-prefix "out6 " --log-tcp-sequence --log-tcp-options --log-ip-options --log-uid
-A OUTPUT -p udp -j NFLOG --nflog-group 9 --nflog-prefix "out6 "
COMMIT
`

const rulesNFT = `table ip l { chain f { type filter hook forward priority 10; log prefix "nft4 " flags all; log prefix "nft4 " group 9; }; }
table ip6 l { chain f { type filter hook forward priority 10; log prefix "nft6 " flags all; log prefix "nft6 " group 9; }; }
`

// takeLines sends packets of every form through LOG and NFLOG.
func takeLines(t *testing.T) []pair {
	n := nettest.NewRouted(t)
	nettest.Feed(t, n.Router, rules4, "iptables-legacy-restore")
	nettest.Feed(t, n.Router, rules6, "ip6tables-legacy-restore")
	streams := streams
	if _, err := n.Router.Output(t.Context(), []byte(rulesNFT), "nft", "-f", "-"); err != nil {
		t.Logf("without nftables: %v", err) // a kernel may have it for no family
		streams = slices.DeleteFunc(slices.Clone(streams), func(s string) bool { return strings.HasPrefix(s, "nft") })
	}
	log, err := kmsg.Open()
	if err != nil {
		t.Fatal(err)
	}
	copies := make(chan nflog.Message, 1000)
	group, err := nflog.Open(n.Router, 9, nflog.Options{Unstamped: true, Other: func(m nflog.Message) {
		m.Payload = bytes.Clone(m.Payload)
		copies <- m
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	go func() { _ = group.Run(t.Context(), func([]journey.Event) {}) }()
	lines := make(chan kmsg.Record, 1000)
	go func() {
		_ = log.Run(func(r kmsg.Record) {
			if slices.ContainsFunc(streams, func(s string) bool { return strings.HasPrefix(r.Text, s) }) {
				lines <- r
			}
		})
	}()
	defer log.Close()

	client, server := netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("10.2.0.2")
	client6, server6 := netip.MustParseAddr("fd01::2"), netip.MustParseAddr("fd02::2")
	for _, f := range forms4 {
		b, to := f.ip4(client, server)
		sendRaw(t, n.Client, b, to)
	}
	for _, f := range forms6 {
		b, to := f.ip6(client6, server6)
		sendRaw(t, n.Client, b, to)
	}
	for _, port := range []string{"4000", "4001", fmt.Sprint(lastPort)} {
		for _, way := range []struct {
			from *netns.Handle
			to   string
		}{{n.Client, "10.2.0.2:"}, {n.Client, "[fd02::2]:"}, {n.Client, "10.1.0.1:"}, {n.Router, "10.2.0.2:"}, {n.Router, "[fd02::2]:"}} {
			if c, err := nettest.Dial(t, way.from, "udp", "", way.to+port, nettest.InVain); err != nil {
				t.Fatal(err)
			} else if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	}
	said, seen := map[string][]kmsg.Record{}, map[string][]nflog.Message{}
	open := 2 * len(streams)
	for open > 0 {
		select {
		case r := <-lines:
			for _, s := range streams {
				if strings.HasPrefix(r.Text, s) {
					said[s] = append(said[s], r)
				}
			}
			if strings.Contains(r.Text, fmt.Sprintf(" DPT=%d ", lastPort)) && !strings.Contains(r.Text, "TYPE=") {
				open--
			}
		case m := <-copies:
			seen[m.Prefix] = append(seen[m.Prefix], m)
			if p := m.Packet; p != nil && p.DPort == lastPort {
				open--
			}
		case <-time.After(nettest.InVain):
			t.Fatalf("%d ends are missing of %v, %v", open, said, seen)
		}
	}
	var out []pair
	for _, s := range streams {
		for i := range min(len(said[s]), len(seen[s])) {
			m := seen[s][i]
			out = append(out, pair{said[s][i].Text, said[s][i].Level, m.In, m.Out, m.Mark, m.UID, m.GID, m.Payload})
		}
		if len(said[s]) != len(seen[s]) {
			t.Errorf("%q: %d lines and %d copies", s, len(said[s]), len(seen[s]))
		}
	}
	return out
}

// form is a packet behind its addresses.
type form struct {
	proto   byte
	tos     byte
	id      uint16
	frag    uint16 // IPv4's flags and offset
	flow    uint32 // IPv6's flow label
	options []byte // IPv4's
	body    []byte
}

func (f form) ip4(src, dst netip.Addr) (b []byte, to unix.Sockaddr) {
	head := 20 + len(f.options)
	b = make([]byte, head, head+len(f.body))
	b[0], b[1] = 4<<4|byte(head/4), f.tos
	binary.BigEndian.PutUint16(b[2:], uint16(head+len(f.body)))
	binary.BigEndian.PutUint16(b[4:], f.id)
	binary.BigEndian.PutUint16(b[6:], f.frag)
	b[8], b[9] = 61, f.proto
	copy(b[12:], src.AsSlice())
	copy(b[16:], dst.AsSlice())
	copy(b[20:], f.options)
	return append(b, f.body...), &unix.SockaddrInet4{Addr: dst.As4()}
}

func (f form) ip6(src, dst netip.Addr) (b []byte, to unix.Sockaddr) {
	b = make([]byte, 40, 40+len(f.body))
	binary.BigEndian.PutUint32(b, 6<<28|uint32(f.tos)<<20|f.flow)
	binary.BigEndian.PutUint16(b[4:], uint16(len(f.body)))
	b[6], b[7] = f.proto, 61
	copy(b[8:], src.AsSlice())
	copy(b[24:], dst.AsSlice())
	return append(b, f.body...), &unix.SockaddrInet6{Addr: dst.As16()}
}

func sendRaw(t *testing.T, from *netns.Handle, b []byte, to unix.Sockaddr) {
	t.Helper()
	nettest.Do(t, from, func() error {
		family := unix.AF_INET
		if _, ok := to.(*unix.SockaddrInet6); ok {
			family = unix.AF_INET6
		}
		fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, b, 0, to)
	})
}

func tcp(flags byte, options ...byte) []byte {
	b := []byte{0x9c, 0x78, 0, 80, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, byte(5+len(options)/4) << 4, flags, 0xfa, 0xf0, 1, 2, 0, 9}
	return append(b, options...)
}

func udp(payload int) []byte {
	return append([]byte{0x9c, 0x78, 0x0f, 0xa0, 0, byte(8 + payload), 1, 2}, make([]byte, payload)...)
}

// cite is what an ICMP error says of a packet.
func cite4() []byte {
	b, _ := form{proto: 17, id: 2, frag: 0x4000, body: udp(0)}.ip4(netip.MustParseAddr("10.2.0.2"), netip.MustParseAddr("10.1.0.2"))
	return b
}

func cite6() []byte {
	b, _ := form{proto: 17, flow: 5, body: udp(0)}.ip6(netip.MustParseAddr("fd02::2"), netip.MustParseAddr("fd01::2"))
	return b
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

var forms4 = []form{
	{proto: 17, id: 1, body: udp(4)},
	{proto: 17, id: 2, tos: 0xb9, frag: 0x4000, body: udp(0)},
	{proto: 17, id: 3, body: udp(4)[:4]}, // cut
	{proto: 17, id: 4, frag: 0x2000, body: udp(16)},
	{proto: 17, id: 4, frag: 0x2003, body: make([]byte, 16)},
	{proto: 17, id: 4, frag: 5, body: make([]byte, 7)},
	{proto: 17, id: 5, options: []byte{7, 7, 4, 0, 0, 0, 0, 0}, body: udp(1)},
	{proto: 6, id: 6, body: tcp(0x02, 2, 4, 5, 0xb4, 1, 1, 4, 2)},
	{proto: 6, id: 7, body: tcp(0x12)},
	{proto: 6, id: 8, body: tcp(0x18)},
	{proto: 6, id: 9, body: tcp(0xff)},
	{proto: 6, id: 10, body: tcp(0)},
	{proto: 6, id: 11, body: tcp(0x10)[:10]}, // cut
	{proto: 6, id: 12, frag: 7, body: tcp(0x10)},
	{proto: 1, id: 13, body: []byte{8, 0, 0, 0, 0x12, 0x34, 0, 7}},
	{proto: 1, id: 14, body: []byte{0, 0, 0, 0, 0x12, 0x34, 0, 7}},
	{proto: 1, id: 15, body: join([]byte{3, 3, 0, 0, 0, 0, 0, 0}, cite4())},
	{proto: 1, id: 16, body: join([]byte{3, 4, 0, 0, 0, 0, 5, 0xdc}, cite4())},
	{proto: 1, id: 17, body: join([]byte{11, 0, 0, 0, 0, 0, 0, 0}, cite4())},
	{proto: 1, id: 18, body: join([]byte{5, 1, 0, 0, 10, 1, 0, 9}, cite4())},
	{proto: 1, id: 19, body: join([]byte{12, 0, 0, 0, 9, 0, 0, 0}, cite4())},
	{proto: 1, id: 20, body: append([]byte{13, 0, 0, 0, 0x12, 0x34, 0, 7}, make([]byte, 12)...)},
	{proto: 1, id: 21, body: []byte{8, 0}}, // cut
	{proto: 2, id: 22, body: []byte{0x16, 0, 0, 0, 224, 0, 0, 5}},
	{proto: 47, id: 23, body: []byte{0, 0, 8, 0, 1, 2, 3, 4}},
	{proto: 50, id: 24, body: []byte{0, 0, 0x12, 0x34, 0, 0, 0, 1}},
	{proto: 51, id: 25, body: append([]byte{17, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, udp(0)...)},
	{proto: 132, id: 26, body: append(udp(0)[:4], make([]byte, 12)...)},
	{proto: 33, id: 27, body: append(udp(0)[:4], make([]byte, 12)...)},
	{proto: 136, id: 28, body: udp(3)},
	{proto: 253, id: 29, body: []byte{1, 2, 3}},
	{proto: 41, id: 30, body: cite6()},
}

var forms6 = []form{
	{proto: 17, body: udp(4)},
	{proto: 17, tos: 0xb9, flow: 0x51053, body: udp(0)},
	{proto: 17, body: udp(4)[:4]}, // cut
	{proto: 6, body: tcp(0x02, 2, 4, 5, 0xb4, 1, 1, 4, 2)},
	{proto: 6, flow: 1, body: tcp(0xff)},
	{proto: 58, body: []byte{128, 0, 0, 0, 0x12, 0x34, 0, 7}},
	{proto: 58, body: []byte{129, 0, 0, 0, 0x12, 0x34, 0, 7}},
	{proto: 58, body: join([]byte{1, 4, 0, 0, 0, 0, 0, 0}, cite6())},
	{proto: 58, body: join([]byte{2, 0, 0, 0, 0, 0, 5, 0}, cite6())},
	{proto: 58, body: join([]byte{3, 0, 0, 0, 0, 0, 0, 0}, cite6())},
	{proto: 58, body: join([]byte{4, 1, 0, 0, 0, 0, 0, 6}, cite6())},
	{proto: 44, body: append([]byte{17, 0, 0, 1, 0, 0, 0, 9}, udp(16)...)},
	{proto: 44, body: append([]byte{17, 0, 0, 0x19, 0, 0, 0, 9}, make([]byte, 16)...)},
	{proto: 44, body: append([]byte{17, 0, 0, 0x28, 0, 0, 0, 9}, make([]byte, 5)...)},
	{proto: 0, body: append([]byte{17, 0, 1, 4, 0, 0, 0, 0}, udp(2)...)},
	{proto: 60, body: append([]byte{6, 0, 1, 4, 0, 0, 0, 0}, tcp(0x10)...)},
	{proto: 50, body: []byte{0, 0, 0x12, 0x34, 0, 0, 0, 1}},
	{proto: 51, body: append([]byte{17, 4, 0, 0, 0, 0, 0x12, 0x34, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, udp(0)...)},
	{proto: 132, body: append(udp(0)[:4], make([]byte, 12)...)},
	{proto: 136, body: udp(3)},
	{proto: 59},
	{proto: 253, body: []byte{1, 2, 3}},
}
