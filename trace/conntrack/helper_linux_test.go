package conntrack

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/feed"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

const patience = time.Minute // of a machine that has much else to do

func open(t testing.TB, ns *netns.Handle) *Reader {
	t.Helper()
	r, err := Open(ns)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// list reads the table once.
func list(t testing.TB, r *Reader) (flows []*flow.Flow, tab feed.Item) {
	t.Helper()
	var got flow.Table
	err := r.List(context.Background(), func(i feed.Item) {
		switch {
		case i.Flows != nil:
			got.ApplyBatch(i.Flows)
			i.Flows.Release()
		case i.Flow != nil:
			got.Apply(*i.Flow)
		case i.Table != nil:
			tab = i
		default:
			t.Errorf("unexpected item %+v", i)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got.List(), tab
}

// watch follows the table until the test ends, and gives the items.
func watch(t testing.TB, r *Reader, o Options) <-chan feed.Item {
	t.Helper()
	items, _ := watching(t, r, o)
	return items
}

// watching is watch, with what ends it.
func watching(t testing.TB, r *Reader, o Options) (_ <-chan feed.Item, end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	items, ended := make(chan feed.Item, 1<<16), make(chan error, 1)
	go func() { ended <- r.Watch(ctx, o, func(i feed.Item) { i.Split(func(i feed.Item) { items <- i }) }) }()
	end = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Watch ended with %v", err)
		}
	})
	t.Cleanup(end)
	return items, end
}

// until takes items until one is what is looked for.
func until(t testing.TB, items <-chan feed.Item, what string, is func(feed.Item) bool) feed.Item {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case i := <-items:
			if is(i) {
				return i
			}
		case <-deadline:
			t.Fatalf("%s did not come in %v", what, patience)
		}
	}
}

func isTable(i feed.Item) bool { return i.Table != nil }

// line is one flow as `conntrack -L -o extended,id,ktimestamp` prints it.
type line struct {
	family, proto, state string
	timeout              int
	read                 time.Time
	sides                []map[string]string
	all                  map[string]string
	flags                map[string]bool
}

// conntrackL runs the real program and reads what it prints, by id.
func conntrackL(t testing.TB, ns *netns.Handle) map[uint32]line {
	t.Helper()
	out, began := map[uint32]line{}, time.Now()
	for _, family := range []string{"ipv4", "ipv6"} {
		text := nettest.Run(t, ns, "conntrack", "-L", "-f", family, "-o", "extended,id,ktimestamp")
		for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
			l := line{read: began, all: map[string]string{}, flags: map[string]bool{}}
			w := strings.Fields(s.Text())
			l.family, l.proto = w[0], w[2]
			for i, x := range w[4:] {
				k, v, pair := strings.Cut(strings.Trim(x, "[]"), "=")
				switch {
				case i == 0 && !pair:
					l.timeout, _ = strconv.Atoi(x)
				case !pair && strings.HasPrefix(x, "["):
					l.flags[strings.Trim(x, "[]")] = true
				case !pair && l.state == "" && len(l.sides) == 0:
					l.state = x
				case k == "src":
					l.sides = append(l.sides, map[string]string{k: v})
				case k == "dst", k == "sport", k == "dport", k == "type", k == "code", k == "packets", k == "bytes", k == "srckey", k == "dstkey",
					strings.HasPrefix(k, "zone-"):
					l.sides[len(l.sides)-1][k] = v
				case pair:
					l.all[k] = v
				}
			}
			id, err := strconv.ParseUint(l.all["id"], 10, 32)
			if err != nil {
				t.Fatalf("conntrack prints a flow without id: %s", s.Text())
			}
			out[uint32(id)] = l
		}
	}
	return out
}

// same holds a flow of ours against the program's line, field by field.
func same(t testing.TB, f *flow.Flow, l line) {
	t.Helper()
	is := func(field string, got any, want string) {
		if g := fmt.Sprint(got); g != want {
			t.Errorf("%s: %s is %s, conntrack prints %q", f.Line(), field, g, want)
		}
	}
	or := func(s, none string) string {
		if s == "" {
			return none
		}
		return s
	}
	is("family", map[model.Family]string{model.FamilyIPv4: "ipv4", model.FamilyIPv6: "ipv6"}[f.Family], l.family)
	is("protocol", f.Orig.Tuple.Proto, l.proto)
	is("state", f.State, l.state)
	if !near(f, l.timeout, l.read) {
		t.Errorf("%s: timeout %v, conntrack prints %d s", f.Line(), f.Timeout, l.timeout)
	}
	is("ASSURED", f.Status&flow.Assured != 0, fmt.Sprint(l.flags["ASSURED"]))
	is("UNREPLIED", f.Status&flow.SeenReply == 0, fmt.Sprint(l.flags["UNREPLIED"]))
	is("mark", f.Mark, or(l.all["mark"], "0"))
	is("zone", f.Zone, or(l.all["zone"], "0"))
	is("helper", f.Helper, l.all["helper"])
	// Labels it prints only where /etc/xtables/connlabel.conf names them.
	is("start known", !f.Start.IsZero(), fmt.Sprint(l.all["start"] != ""))
	if s := l.all["start"]; s != "" && !strings.HasPrefix(s, f.Start.Local().Format("Mon")) {
		t.Errorf("%s: start %v, conntrack prints %q", f.Line(), f.Start, s)
	}
	for i, side := range []flow.Side{f.Orig, f.Reply} {
		w, tup := l.sides[i], side.Tuple
		is("src", tup.Src, w["src"])
		is("dst", tup.Dst, w["dst"])
		if tup.Proto.ICMP() {
			is("type", tup.DPort>>8, w["type"])
			is("code", tup.DPort&0xff, w["code"])
			is("id is the source port", tup.SPort, fmt.Sprint(f.Orig.Tuple.SPort))
		} else if tup.Proto.Ports() {
			is("sport", tup.SPort, w["sport"])
			is("dport", tup.DPort, w["dport"])
		}
		is("counted", side.Count.Valid, fmt.Sprint(w["packets"] != ""))
		if side.Count.Valid {
			is("packets", side.Count.Packets, w["packets"])
			is("bytes", side.Count.Bytes, w["bytes"])
		}
		is("zone of one direction", side.Zone, or(or(w["zone-orig"], w["zone-reply"]), "0"))
	}
}

// near reports whether a timeout is that of a flow, of which one was read some time before
// the other.
func near(f *flow.Flow, timeout int, read time.Time) bool {
	d := f.Timeout - time.Duration(timeout)*time.Second
	return d.Abs() <= 3*time.Second+max(time.Since(read), time.Since(f.Seen))
}

// talk opens a TCP connection and has one byte echoed through it.
func talk(t testing.TB, from *netns.Handle, network, to string) {
	t.Helper()
	c, err := nettest.Dial(t, from, network, "", to, patience)
	if err != nil {
		t.Fatalf("%s to %s: %v", network, to, err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	b := []byte("x")
	if _, err = c.Write(b); err == nil {
		_, err = c.Read(b)
	}
	if err != nil {
		t.Fatalf("%s to %s: no echo: %v", network, to, err)
	}
}

// ping sends one echo request and waits for its answer.
func ping(t testing.TB, from *netns.Handle, to string, id uint16) {
	t.Helper()
	network, typ := "ip4:icmp", byte(8)
	if netip.MustParseAddr(to).Is6() {
		network, typ = "ip6:ipv6-icmp", 128
	}
	c, err := nettest.Dial(t, from, network, "", to, patience)
	if err != nil {
		t.Fatal(err)
	}
	m := []byte{typ, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}
	sum := ^(uint16(typ)<<8 + id + 1)
	binary.BigEndian.PutUint16(m[2:], sum) // ICMPv6's is the kernel's work
	if _, err := c.Write(m); err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	b := make([]byte, 512)
	for {
		n, err := c.Read(b)
		if err != nil {
			t.Fatalf("ping %s: %v", to, err)
		}
		if n >= 28 && b[0] == 0x45 { // a raw IPv4 socket gives the header too
			copy(b, b[20:n])
		}
		if n >= 8 && (b[0] == 0 || b[0] == 129) {
			return
		}
	}
}
