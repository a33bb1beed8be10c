package record

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	stdnet "net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
	"nfscope/model/drop"
	"nfscope/model/feed"
	"nfscope/model/journey"
	"nfscope/model/store"
)

// TestRedactAddr: two addresses share as many bits afterwards as before, what has a
// meaning keeps it, and another key gives others.
func TestRedactAddr(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	rng := rand.New(rand.NewPCG(1, 2))
	random := func(v6 bool) netip.Addr {
		var b [16]byte
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		if v6 {
			return netip.AddrFrom16(b)
		}
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	moved := 0
	for i := range 3000 {
		a := random(i%2 == 0)
		bit := rng.IntN(a.BitLen()) // another one that parts from it there
		raw := a.AsSlice()
		for k := bit; k < len(raw)*8; k++ {
			raw[k/8] ^= 0x80 >> (k % 8)
			if k > bit && rng.IntN(2) == 0 {
				raw[k/8] ^= 0x80 >> (k % 8)
			}
		}
		b, _ := netip.AddrFromSlice(raw)
		x, y := r.Addr(a), r.Addr(b)
		if in4(a) || in4(b) {
			continue // what holds an IPv4 address goes by that one's bits
		}
		if x.BitLen() != a.BitLen() || common(x, y) != common(a, b) {
			t.Fatalf("%v and %v share %d bits; %v and %v share %d", a, b, common(a, b), x, y, common(x, y))
		}
		for _, m := range r.meant {
			if m.prefix.Contains(a) != m.prefix.Contains(x) {
				t.Fatalf("%v became %v: in %v, or not", a, x, m.prefix)
			}
		}
		if x != a {
			moved++
		}
	}
	if moved < 2000 {
		t.Errorf("only %d of 3000 moved", moved)
	}
	for _, s := range []string{"0.0.0.0", "127.0.0.1", "255.255.255.255", "224.0.0.251", "::", "::1", "ff02::1", "ff02::16"} {
		if a := netip.MustParseAddr(s); r.Addr(a) != a {
			t.Errorf("%v became %v", a, r.Addr(a))
		}
	}
	if got, want := r.Addr(netip.MustParseAddr("::ffff:10.1.2.3")).Unmap(), r.Addr(netip.MustParseAddr("10.1.2.3")); got != want {
		t.Errorf("mapped: %v, want %v", got, want)
	}
	if got := r.Addr(netip.MustParseAddr("fe80::1%eth0")); got.Zone() != "eth0" {
		t.Errorf("the zone is gone: %v", got)
	}
	other, same := NewRedactor(), 0
	for range 100 {
		if a := random(false); r.Addr(a) == other.Addr(a) {
			same++
		}
	}
	if same > 50 {
		t.Errorf("two keys give the same for %d of 100", same)
	}
}

func in4(a netip.Addr) bool {
	for _, p := range embedded() {
		if p.Contains(a) {
			return true
		}
	}
	return a.Is4In6()
}

// TestRedactFamilies: what becomes of the first bits of an IPv4 address tells nothing of those
// of an IPv6 address that begins alike.
func TestRedactFamilies(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	for i := range 64 {
		four := [4]byte{45, byte(i), byte(3 * i), 7}
		six := [16]byte{0: four[0], 1: four[1], 2: four[2], 3: four[3]}
		a, b := r.Addr(netip.AddrFrom4(four)).As4(), r.Addr(netip.AddrFrom16(six)).As16()
		if !bytes.Equal(a[1:], b[1:4]) {
			return
		}
	}
	t.Error("the same bits are turned round in both families")
}

// TestRedactText holds what is replaced in a text and what stays. A stands for what
// Addr gives.
func TestRedactText(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	r.name("edge-router")
	addr := func(s string) string { return r.Addr(netip.MustParseAddr(s)).String() }
	net := func(s string) string { return r.prefix(netip.MustParsePrefix(s)).String() }
	for _, c := range []struct{ text, want string }{
		{"-A INPUT -s 10.1.2.0/24 -d 10.1.2.7/32 -p tcp -m tcp --dport 80 -j ACCEPT", "-A INPUT -s " + net("10.1.2.0/24") + " -d " + net("10.1.2.7/32") + " -p tcp -m tcp --dport 80 -j ACCEPT"},
		{"inet 10.1.2.7/24 of eth0", "inet " + addr("10.1.2.7") + "/24 of eth0"},
		{"-s 10.1.0.0/255.255.0.0", "-s " + strings.TrimSuffix(net("10.1.0.0/16"), "/16") + "/255.255.0.0"},
		{"-j DNAT --to-destination 10.1.2.7:8080", "-j DNAT --to-destination " + addr("10.1.2.7") + ":8080"},
		{"ip6 saddr { fd00:1::/64, fd00:2::7 } dnat to [fd00:2::7]:80", "ip6 saddr { " + net("fd00:1::/64") + ", " + addr("fd00:2::7") + " } dnat to [" + addr("fd00:2::7") + "]:80"},
		{"packet from 10.1.2.7, not 10.1.2.8.", "packet from " + addr("10.1.2.7") + ", not " + addr("10.1.2.8") + "."},
		{"fd00:2::7: no route", addr("fd00:2::7") + ": no route"},
		{"elements = { 10.1.2.7 . 80 : jump x }", "elements = { " + addr("10.1.2.7") + " . 80 : jump x }"},
		{"edge-router says no", r.names["edge-router"] + " says no"},
		{"edge-router2", "edge-router2"},
		{`-m string --string "GET /secret" --algo bm`, `-m string --string "redacted" --algo bm`},
		{`-m u32 --u32 "12=0x0a010207"`, `-m u32 --u32 "redacted"`},
		{"@nh,96,32 0xa010207 drop", "@nh,96,32 0x0 drop"},
		{"@ll,0,48 0x525400123456 accept", "@ll,0,48 0x0 accept"},
		{"@th,160,32 & 0xffff0000 == 0x47455420 drop", "@th,160,32 & 0xffff0000 == 0x0 drop"},
		{"@ih,0,32 != 0x47455420", "@ih,0,32 != 0x0"},
		{`--hex-string "|47 45 54|/x \" y" -j DROP`, `--hex-string "redacted" -j DROP`},
		{"--bytecode 4,48,6 -j DROP", `--bytecode "redacted" -j DROP`},
		// What is none stays.
		{"iptables 1.8.9 on 6.18.0-1", "iptables 1.8.9 on 6.18.0-1"},
		{"at 10:20:30", "at 10:20:30"},
		{"net.ipv4.ip_forward", "net.ipv4.ip_forward"},
		{"nfscope::a::b and std::be", "nfscope::a::b and std::be"},
		{"case.nfs:12: x", "case.nfs:12: x"},
		{"0.0.0.0/0 ::/0 127.0.0.1 255.255.255.255", "0.0.0.0/0 ::/0 127.0.0.1 255.255.255.255"},
		{"ether ff:ff:ff:ff:ff:ff", "ether ff:ff:ff:ff:ff:ff"},
		{"eth0.100", "eth0.100"},
		{"1234.1.2.3", "1234.1.2.3"},
		{"net.ipv4.conf.lan", "net.ipv4.conf.lan"}, // a sysctl of the interface lan
		{"github.com", "github.com"},
	} {
		if got := r.Text(c.text); got != c.want {
			t.Errorf("%q became\n%q, want\n%q", c.text, got, c.want)
		}
	}
	if got := r.Text("ether saddr 52:54:00:12:34:56"); strings.Contains(got, "52:54:00") || len(got) != len("ether saddr 52:54:00:12:34:56") || got != r.Text("ether saddr 52:54:00:12:34:56") {
		t.Errorf("a MAC became %q", got)
	}
	mac := func(s string) string {
		t.Helper()
		got, ok := strings.CutPrefix(r.Text("ether saddr "+s), "ether saddr ")
		if _, err := stdnet.ParseMAC(got); err != nil || !ok {
			t.Fatalf("%s became %q", s, got)
		}
		return got
	}
	one := mac("52:54:00:ab:cd:ef")
	if other := mac("52:54:00:ab:cd:ee"); other == one || mac("52:54:00:AB:CD:EF") != one || strings.HasPrefix(one, "52:54:00") || one[1] != '2' && one[1] != '6' && one[1] != 'a' && one[1] != 'e' {
		t.Errorf("one station is %s, its neighbour %s: want two of no maker's, whatever the case", one, other)
	}
	for s, same := range map[string]string{"01:00:5e:0a:01:02": "01:00:5e:", "33:33:00:00:00:fb": "33:33:", "01:80:c2:00:00:00": "01:80:c2:00:00:00", "00:00:00:00:00:00": "00:00:00:00:00:00"} {
		if got := mac(s); !strings.HasPrefix(got, same) || got == s && len(same) < len(s) {
			t.Errorf("%s became %s, want %s and others behind", s, got, same)
		}
	}
	var sums [8]string // of groups whose first byte is the address's own
	for i := range sums {
		sums[i] = mac(fmt.Sprintf("33:33:ff:00:00:%02x", i))[6:8]
	}
	if slices.Equal(sums[:], slices.Repeat([]string{"ff"}, len(sums))) {
		t.Error("of the groups of IPv6 a byte of the address is left")
	}
	if got := r.Text("db1.corp.example.com"); strings.Contains(got, "corp") || !strings.HasSuffix(got, ".com") || !strings.HasSuffix(r.Text("db2.corp.example.com"), strings.SplitN(got, ".", 2)[1]) {
		t.Errorf("a name became %q", got)
	}
	a, b, _ := strings.Cut(r.Text("10.9.0.5-10.9.0.250"), "-")
	if x, y := netip.MustParseAddr(a), netip.MustParseAddr(b); y.Less(x) {
		t.Errorf("the range %s-%s cannot be read", a, b)
	}
}

// folded are the journeys of a recording.
func folded(tb testing.TB, name string, b []byte) []*journey.Journey {
	tb.Helper()
	st := store.New(journey.Options{Keep: 1 << 16})
	r, err := NewReader(name, bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	for {
		it, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		st.Tick(it.Time)
		st.Apply(&it)
	}
	st.End()
	return st.Journeys()
}

// TestRedactedLabs: a redacted recording has the same journeys, but for what was
// replaced, and nothing in it is left of the addresses.
func TestRedactedLabs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../docs/labs/*/recording.nfs")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	for _, name := range files {
		plain, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		redacted(t, name, plain)
	}
}

// redacted checks a recording against its redacted self.
func redacted(tb testing.TB, name string, plain []byte) {
	tb.Helper()
	in, err := NewReader(name, bytes.NewReader(plain))
	if err != nil {
		tb.Fatal(err)
	}
	r := NewRedactor()
	var out bytes.Buffer
	e, err := NewEncoder(&out, in.Header, r)
	if err != nil {
		tb.Fatal(err)
	}
	var said []byte // all that was said, and is now
	var is []byte
	for {
		it, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			tb.Fatal(err)
		}
		before, _ := json.Marshal(it)
		if err := e.Put(&it); err != nil {
			tb.Fatal(err)
		}
		if after, _ := json.Marshal(it); !bytes.Equal(before, after) {
			tb.Fatalf("the item itself was changed:\n%s\n%s", before, after)
		}
		said = append(said, before...)
		now, _ := json.Marshal(r.Item(&it))
		is = append(is, now...)
	}
	if err := e.Close(End{}); err != nil {
		tb.Fatal(err)
	}
	secrets := 0
	for a, b := range r.addrs {
		if a == b {
			continue
		}
		secrets++
		if r.given(a) { // what stands for one may be another's own
			continue
		}
		for _, m := range r.find.v4.FindAllString(string(is), -1) {
			if p, err := netip.ParsePrefix(m); err == nil && netip.PrefixFrom(r.replace(p.Addr()), p.Bits()).Masked() == p { // a range that says nothing of anybody
				continue
			}
			if strings.SplitN(m, "/", 2)[0] == a.String() {
				tb.Errorf("%s: %v is left", name, a)
				break
			}
		}
	}
	if secrets < 2 || !strings.Contains(string(said), ".") {
		tb.Errorf("%s: only %d addresses were replaced", name, secrets)
	}
	was, got := folded(tb, name, plain), folded(tb, "redacted", out.Bytes())
	for i, j := range was { // what the map makes of the journeys
		c := reflect.New(reflect.TypeFor[journey.Journey]())
		r.value(c.Elem(), reflect.ValueOf(j).Elem())
		was[i] = c.Interface().(*journey.Journey)
	}
	a, _ := json.Marshal(was)
	b, _ := json.Marshal(got)
	if !bytes.Equal(a, b) || len(was) == 0 {
		tb.Errorf("%s: %d journeys (-), and redacted (+):\n%.3000s", name, len(was), cmp.Diff(strings.Split(string(a), ","), strings.Split(string(b), ",")))
	}
}

// given reports whether an address stands for another.
func (r *Redactor) given(a netip.Addr) bool {
	for _, b := range r.addrs {
		if a == b {
			return true
		}
	}
	return false
}

// TestRedactBytes: what may be a packet's bytes is not written.
func TestRedactBytes(t *testing.T) {
	t.Parallel()
	type packet struct{ Payload, Labels []byte }
	v, out := packet{[]byte("secret"), []byte{1}}, packet{}
	NewRedactor().value(reflect.ValueOf(&out).Elem(), reflect.ValueOf(&v).Elem())
	if out.Payload != nil || len(out.Labels) != 1 {
		t.Errorf("%q", out)
	}
}

func BenchmarkRedact(b *testing.B) {
	var list []feed.Item
	flood(10_000, func(it feed.Item) { list = append(list, it) })
	r := NewRedactor()
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		r.Item(&list[i%len(list)])
	}
}

func FuzzRedactText(f *testing.F) {
	f.Add("-s 10.1.2.0/24 fd00::1: [::1]:80 aa:bb:cc:dd:ee:ff a.example.com 1.2.3.4-1.2.3.9 --u32 \"x\"")
	f.Fuzz(func(t *testing.T, s string) {
		r := NewRedactor()
		r.name("edge")
		r.name("\x01")
		if a, b := r.Text(s), r.Text(s); a != b {
			t.Errorf("%q became %q and %q", s, a, b)
		}
	})
}

// TestRedactSpelled: an address stays hidden however nft, a MAC's writer or a comment spells
// it, and is the same other one in each.
func TestRedactSpelled(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	four := r.Addr(netip.MustParseAddr("10.1.0.67"))
	b := four.As4()
	n := binary.BigEndian.Uint32(b[:])
	six := r.Addr(netip.MustParseAddr("fd00:1::7")).String()
	mac := r.mac("52:54:00:ab:cd:ef")
	bare := strings.ReplaceAll(mac, ":", "")
	raw := r.Addr(netip.MustParseAddr("fd00:1::7")).As16()
	sixteen := fmt.Sprintf("%x", raw[:])
	ten := func(hex string) string { return natural("0x" + hex).String() }
	for _, c := range []struct{ text, want string }{
		// As nft lists what was asked of raw bytes (1.0.6).
		{"@nh,96,32 { 0xa010043, 0xa010044 } drop", "@nh,96,32 { 0x0, 0x0 } drop"},
		{"@nh,96,32 != { 0xa010043 } meta mark { 0x5 }", "@nh,96,32 != { 0x0 } meta mark { 0x5 }"},
		{"@nh,96,32 0xa010045-0xa010049 drop", "@nh,96,32 0x0-0x0 drop"},
		{"@nh,96,32 vmap { 0xa010043 : drop }", "@nh,96,32 vmap { 0x0 : drop }"},
		{"@nh,96,32 . tcp dport { 0xa010043 . 80 } drop", "@nh,96,32 . tcp dport { 0x0 . 80 } drop"},
		{"@nh,96,16 & 0xfff0 != 0xa00 meta mark 0x7", "@nh,96,16 & 0xfff0 != 0x0 meta mark 0x7"},
		{"@nh,96,32 set 0xa010043", "@nh,96,32 set 0x0"},
		{"set s {\n\ttypeof @nh,96,32\n\telements = { 0xa010043 }\n}", "set s {\n\ttypeof @nh,96,32\n\telements = { 0x0 }\n}"},
		{"ip saddr . tcp dport { 0xa010043 . 80 } drop", fmt.Sprintf("ip saddr . tcp dport { 0x%x . 80 } drop", n)},
		{"ip daddr vmap { 167837763 : drop } tcp dport { 80, 0xa010043 }", fmt.Sprintf("ip daddr vmap { %d : drop } tcp dport { 80, 0xa010043 }", n)},
		{"ip saddr { 10.1.0.67-10.1.0.67, 10.1.0.67/32 }", fmt.Sprintf("ip saddr { %[1]s-%[1]s, %[1]s/32 }", four)},
		{"ip saddr { 0xa010043-0xa010043, 0xa010043 }", fmt.Sprintf("ip saddr { 0x%[1]x-0x%[1]x, 0x%[1]x }", n)},
		{"ip saddr { 0xa010043, 0x5 } drop", fmt.Sprintf("ip saddr { 0x%x, 0x5 } drop", n)},
		{"arp saddr ip { 0xa010043 } drop", fmt.Sprintf("arp saddr ip { 0x%x } drop", n)},
		{"ip saddr & 255.255.255.255 == { 167837763 } drop", fmt.Sprintf("ip saddr & 255.255.255.255 == { %d } drop", n)},
		{"ip6 saddr { 0xfd000001000000000000000000000007 } drop", "ip6 saddr { 0x" + sixteen + " } drop"},
		{"ip6 saddr . tcp dport { 0xfd000001000000000000000000000007 . 80 } drop", "ip6 saddr . tcp dport { 0x" + sixteen + " . 80 } drop"},
		{"ip6 daddr vmap { 336294683012811878358927523844471128071 : drop }", "ip6 daddr vmap { " + ten(sixteen) + " : drop }"},
		{"ether saddr { 0x525400abcdef } drop", "ether saddr { 0x" + natural("0x"+bare).Text(16) + " } drop"}, {"arp daddr ether { 0x525400abcdef } drop", "arp daddr ether { 0x" + natural("0x"+bare).Text(16) + " } drop"},
		{"ether saddr vmap { 90520741989871 : drop }", "ether saddr vmap { " + ten(bare) + " : drop }"},
		{"ether saddr . ip saddr { 0x525400abcdef . 0xa010043 }", fmt.Sprintf("ether saddr . ip saddr { 0x%x . 0x%x }", natural("0x"+bare), n)},
		// Behind a word, and in a name.
		{"from:fd00:1::7", "from:" + six}, {"ip6:fd00:1::7", "ip6:" + six}, {"iface:fd00:1::7 x", "iface:" + six + " x"},
		{"a_fd00:1::7_b", "a_" + six + "_b"}, {"10.1.0.67:fd00:1::7", four.String() + ":" + six},
		{"-s fd00:1::7/ffff::ffff -j DROP", "-s " + six + "/ffff::ffff -j DROP"},
		{"-s fd00:1::7/::ffff:ffff:0:0", "-s " + six + "/::ffff:ffff:0:0"},
		{"fd00:1::7/10.1.0.67", six + "/" + four.String()}, {"fd00:1::7/fd00:1::7", six + "/" + six},
		{"52-54-00-AB-CD-EF", strings.ReplaceAll(mac, ":", "-")}, {"5254.00ab.cdef up", bare[:4] + "." + bare[4:8] + "." + bare[8:] + " up"},
		{"enx525400abcdef", "enx" + bare}, {"00-00-00-00-00-00", "00-00-00-00-00-00"},
		{"DB1.Corp.Example.COM", r.Text("db1.corp.example.com")}, {"web01.corp.xyz", "h-" + r.word("name", "web01.corp.xyz") + ".h-" + r.word("name", "corp.xyz") + ".xyz"},
		{"my_db.corp.gr", "h-" + r.word("name", "my_db.corp.gr") + ".h-" + r.word("name", "corp.gr") + ".gr"},
		// What is none stays.
		{"ip saddr 127.0.0.1 tcp dport { 80, 443 }", "ip saddr 127.0.0.1 tcp dport { 80, 443 }"},
		{"lab.yaml run.sh main.go x.py README.md nf_tables.ko", "lab.yaml run.sh main.go x.py README.md nf_tables.ko"},
		{"eth0-x_y", "eth0-x_y"}, {"enx52", "enx52"},
	} {
		if got := r.Text(c.text); got != c.want {
			t.Errorf("%q became\n%q, want\n%q", c.text, got, c.want)
		}
	}
}

// TestRedactSkb: an address of the kernel's memory is replaced, by the same one in a drop
// and in a sight of one packet.
func TestRedactSkb(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	const skb = 0xffff888012345600
	d := r.Item(&feed.Item{Drop: &drop.Drop{Skb: skb, Count: 1}}).Drop.Skb
	s := r.Item(&feed.Item{Sight: &journey.Sight{Skb: skb}}).Sight.Skb
	if none := r.Item(&feed.Item{Drop: &drop.Drop{}}).Drop.Skb; d == skb || d == 0 || s != d || none != 0 {
		t.Errorf("%#x became %#x in a drop and %#x in a sight, none became %#x", uint64(skb), d, s, none)
	}
}

// TestRedactHost: a host's name is replaced by one and the same other, wherever it stands
// from then on; a lab's name is everybody's.
func TestRedactHost(t *testing.T) {
	r := NewRedactor()
	if got := r.Text("web01 is up"); got != "web01 is up" {
		t.Errorf("before anybody named it: %q", got)
	}
	if got := r.Text("web01: up"); got != "web01: up" {
		t.Errorf("before anybody named it: %q", got)
	}
	out := r.Item(&feed.Item{Host: &feed.Host{Name: "web01", Source: "live"}})
	name := out.Host.Name
	if name == "web01" || !strings.HasPrefix(name, "host-") {
		t.Errorf("the host is %q", name)
	}
	if got := r.Item(&feed.Item{Problem: "web01 is up, web012 is not"}).Problem; got != name+" is up, web012 is not" {
		t.Errorf("a text says %q", got)
	}
	if got := r.Text("web01: up"); got != name+": up" {
		t.Errorf("what was said before it was named is %q", got)
	}
	if got := r.Item(&feed.Item{Host: &feed.Host{Name: "host", Source: "live"}}); got.Host.Name != "host" {
		t.Errorf("the first namespace is %q", got.Host.Name)
	}
	if got := NewRedactor().Item(&feed.Item{Host: &feed.Host{Name: "gateway", Source: "lab gateway"}}); got.Host.Name != "gateway" {
		t.Errorf("a lab's host is %q", got.Host.Name)
	}
}

// TestRedactEnds: what stands before the items and behind them is redacted too.
func TestRedactEnds(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	e, err := NewEncoder(&b, Header{Title: "trace: host 10.1.2.7"}, NewRedactor())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(End{Why: "10.1.2.7 is gone"}); err != nil {
		t.Fatal(err)
	}
	_, f := all(t, b.Bytes())
	if !f.Redacted || !strings.HasPrefix(f.Title, "trace: host 10.") || !strings.HasSuffix(f.End.Why, " is gone") || strings.Contains(f.Title+f.End.Why, "10.1.2.7") {
		t.Errorf("%q, %q, redacted: %v", f.Title, f.End.Why, f.Redacted)
	}
}

// TestRedactNamesInNames: a name that stands in another one is not replaced there.
func TestRedactNamesInNames(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	name, text, want := "", "", ""
	for range 6 {
		name += "-lab"
		r.name(name[1:])
		text, want = text+" "+name[1:], want+" "+r.names[name[1:]]
	}
	if got := r.Text(text); got != want {
		t.Errorf("%q became\n%q, want\n%q", text, got, want)
	}
}

// TestRedactNetns: the name of a namespace that packets are followed into is replaced by one and
// the same other, whichever item names it first.
func TestRedactNetns(t *testing.T) {
	t.Parallel()
	beside := &feed.Item{Beside: &feed.Beside{Netns: "customer-x", Rules: &model.Ruleset{Netns: "customer-x"}}}
	sight := &feed.Item{Sight: &journey.Sight{Netns: "customer-x"}}
	for _, sightFirst := range []bool{false, true} {
		r := NewRedactor()
		if sightFirst {
			r.Item(sight)
		}
		b, s, p := r.Item(beside).Beside, r.Item(sight).Sight, r.Item(&feed.Item{Problem: "customer-x is gone"}).Problem
		if n := b.Netns; !strings.HasPrefix(n, "host-") || b.Rules.Netns != n || s.Netns != n || p != n+" is gone" {
			t.Errorf("it is %q, its rules' %q, a sight's %q, and a text says %q", n, b.Rules.Netns, s.Netns, p)
		}
	}
	if n := NewRedactor().Item(sight).Sight.Netns; !strings.HasPrefix(n, "host-") {
		t.Errorf("a sight alone names %q", n)
	}
	if n := NewRedactor().Item(&feed.Item{Sight: &journey.Sight{}}).Sight.Netns; n != "" {
		t.Errorf("the one that is looked at became %q", n)
	}
}

// TestRedactLong: what a text of ten thousand addresses costs grows with its length, and
// whatever a host is called, all comes back to its place.
func TestRedactLong(t *testing.T) {
	t.Parallel()
	r := NewRedactor()
	for _, n := range []string{"\x00", "\x01", "\x00\x00", "\x01\x00", "ed\x02ge"} {
		r.name(n)
	}
	var text, want strings.Builder
	var aside put
	for i := range 10_000 {
		a := netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		fmt.Fprintf(&text, "%v, ", a)
		fmt.Fprintf(&want, "%v, ", r.Addr(a))
		if sign := aside.aside(""); len(sign) > 16 {
			t.Fatalf("the sign of the %d. is %d bytes long", i+1, len(sign))
		}
	}
	text.WriteString("edge, ed\x02ge")
	host := r.names["ed\x02ge"]
	want.WriteString(host + ", " + host)
	if got := r.Text(text.String()); got != want.String() {
		t.Errorf("the text ends in %q, want %q", got[max(0, len(got)-60):], want.String()[want.Len()-60:])
	}
}
