package conntrack

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/flow"
	"nfscope/trace/netns"
	"nfscope/trace/nettest"
)

// readAt is when the XML was asked for, beside what it says.
const readAt = "read"

// conntrackXML runs the real program and reads all that its XML says of each flow, by id:
// "reply/layer4/sport": "80".
func conntrackXML(t testing.TB, ns *netns.Handle) map[uint32]map[string]string {
	t.Helper()
	out, began := map[uint32]map[string]string{}, time.Now()
	for _, family := range []string{"ipv4", "ipv6"} {
		d := xml.NewDecoder(strings.NewReader(nettest.Run(t, ns, "conntrack", "-L", "-f", family, "-o", "xml,id,ktimestamp")))
		var path []string
		var said map[string]string
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			switch x := tok.(type) {
			case xml.StartElement:
				name := x.Name.Local
				switch name {
				case "flow":
					said, path = map[string]string{readAt: began.Format(time.RFC3339Nano)}, nil
					continue
				case "meta":
					name = x.Attr[0].Value
				}
				path = append(path, name)
				if said != nil {
					for _, a := range x.Attr {
						said[strings.Join(path, "/")+"@"+a.Name.Local] = a.Value
					}
					if len(x.Attr) == 0 {
						said[strings.Join(path, "/")] = ""
					}
				}
			case xml.CharData:
				if said != nil && len(path) > 0 && strings.TrimSpace(string(x)) != "" {
					said[strings.Join(path, "/")] = string(x)
				}
			case xml.EndElement:
				if x.Name.Local == "flow" {
					id, _ := strconv.ParseUint(said["independent/id"], 10, 32)
					out[uint32(id)], said = said, nil
				} else if len(path) > 0 {
					path = path[:len(path)-1]
				}
			}
		}
	}
	return out
}

// asXML is what conntrack's XML should say of a flow.
func asXML(f *flow.Flow) map[string]string {
	out := map[string]string{}
	put := func(name string, v any) { out[name] = fmt.Sprint(v) }
	l3 := map[model.Family][2]string{model.FamilyIPv4: {"2", "ipv4"}, model.FamilyIPv6: {"10", "ipv6"}}[f.Family]
	for i, s := range []flow.Side{f.Orig, f.Reply} {
		at := []string{"original", "reply"}[i] + "/"
		put(strings.TrimSuffix(at, "/")+"@direction", strings.TrimSuffix(at, "/"))
		put(at+"layer3@protonum", l3[0])
		put(at+"layer3@protoname", l3[1])
		put(at+"layer3/src", s.Tuple.Src)
		put(at+"layer3/dst", s.Tuple.Dst)
		p := s.Tuple.Proto
		put(at+"layer4@protonum", uint8(p))
		switch p {
		case model.ProtoTCP, model.ProtoUDP, model.ProtoUDPLite, model.ProtoSCTP, model.ProtoDCCP, model.ProtoGRE, model.ProtoICMP, model.ProtoICMPv6:
			put(at+"layer4@protoname", p)
		default:
			put(at+"layer4@protoname", "unknown")
		}
		switch {
		case p == model.ProtoGRE:
			put(at+"layer4/srckey", fmt.Sprintf("%#x", s.Tuple.SPort))
			put(at+"layer4/dstkey", fmt.Sprintf("%#x", s.Tuple.DPort))
		case p.Ports():
			put(at+"layer4/sport", s.Tuple.SPort)
			put(at+"layer4/dport", s.Tuple.DPort)
		}
		if s.Zone != 0 {
			put(at+"zone", s.Zone)
		}
		if s.Count.Valid {
			put(at+"counters", "")
			put(at+"counters/packets", s.Count.Packets)
			put(at+"counters/bytes", s.Count.Bytes)
		}
	}
	const at = "independent/"
	put("independent@direction", "independent")
	if f.State != "" {
		put(at+"state", f.State)
	}
	put(at+"mark", f.Mark)
	if f.Zone != 0 {
		put(at+"zone", f.Zone)
	}
	if f.Context != "" {
		put(at+"secctx", f.Context)
	}
	put(at+"use", f.Use)
	put(at+"id", f.ID)
	if f.Status&flow.Assured != 0 {
		put(at+"assured", "")
	}
	if f.Status&flow.SeenReply == 0 {
		put(at+"unreplied", "")
	}
	if f.Helper != "" {
		put("helper", f.Helper)
	}
	if !f.Start.IsZero() {
		put(at+"timestamp", "")
		put(at+"timestamp/start", f.Start.UnixNano())
	}
	return out
}

// sameXML holds a flow of ours against all that the program's XML says, and looks that
// nothing is left.
func sameXML(t testing.TB, f *flow.Flow, x map[string]string) {
	t.Helper()
	if x == nil {
		t.Errorf("%s is not in conntrack's XML", f.Line())
		return
	}
	want := asXML(f)
	left, err := strconv.Atoi(x["independent/timeout"])
	if read, _ := time.Parse(time.RFC3339Nano, x[readAt]); err != nil || !near(f, left, read) {
		t.Errorf("%s: timeout %v, XML says %q", f.Line(), f.Timeout, x["independent/timeout"])
	}
	if f.Orig.Tuple.Proto == model.ProtoSCTP { // conntrack 1.4.7 gives it TCP's names, see docs/facts.md
		want["independent/state"] = x["independent/state"]
	}
	for k, v := range want {
		if got, ok := x[k]; !ok || got != v {
			t.Errorf("%s: %s is %q, XML says %q (there: %v)", f.Line(), k, v, got, ok)
		}
	}
	for k, v := range x {
		if _, ok := want[k]; !ok && k != "independent/timeout" && k != readAt && k != "independent/deltatime" {
			t.Errorf("%s: XML says %s %q, which nfscope does not", f.Line(), k, v)
		}
	}
}
