package uitest

import (
	"time"

	"nfscope/model/journey"
	"nfscope/model/snapshot"
)

// Lab makes a session in a lab, in a language ("en" or "zh"): the gateway of Snapshot
// between a client, who sends first, and a switch with two servers. current is the step
// under way, and there are no more packets and results than of the steps before it.
func Lab(lang string, current int) *snapshot.Snapshot {
	s := Snapshot()
	s.Source, s.Netns = "lab gateway", "gateway"
	pick := func(en, zh string) string {
		if lang == "zh" {
			return zh
		}
		return en
	}
	end := func(host, dev, bridge string, addresses ...string) snapshot.LabEnd {
		return snapshot.LabEnd{Host: host, Dev: dev, Bridge: bridge, Addresses: addresses}
	}
	l := &snapshot.Lab{Name: "gateway", Lang: lang, Current: current, Title: pick("One gateway: DNAT in, and who may leave", "一台网关：DNAT 进来，谁可以出去"),
		Lesson: pick("# One gateway\n\nWhat comes in is translated **before** it is routed.\n\n<!-- what happens -->\n\nThe secret is out.\n",
			"# 一台网关\n\n进来的报文在路由**之前**转换地址。\n\n<!-- what happens -->\n\n谜底揭晓。\n"),
		Net: snapshot.LabNet{Observed: "gateway",
			Hosts: []snapshot.LabHost{{Name: "client", Devices: []snapshot.LabDevice{{Dev: "lo", Addresses: []string{"198.51.100.7/32"}}}},
				{Name: "gateway"}, {Name: "switch", Devices: []snapshot.LabDevice{{Dev: "br0"}}},
				{Name: "web", Services: []snapshot.LabService{{Name: "tls", Do: "tcp", Port: 8443}}},
				{Name: "pc", Devices: []snapshot.LabDevice{{Dev: "lo", Addresses: []string{"10.1.0.5/32", "10.1.0.6/32"}}}}},
			Links: []snapshot.LabLink{
				{Ends: [2]snapshot.LabEnd{end("client", "eth0", "", "203.0.113.254/24"), end("gateway", "eth0", "", "203.0.113.1/24")}},
				{Ends: [2]snapshot.LabEnd{end("pc", "eth0", "", "10.1.0.2/24"), end("gateway", "eth1", "", "10.1.0.1/24")}},
				{Ends: [2]snapshot.LabEnd{end("switch", "p1", "br0"), end("gateway", "br0", "", "10.2.0.1/24")}},
				{Ends: [2]snapshot.LabEnd{end("switch", "p2", "br0"), end("web", "eth0", "", "10.2.0.2/24")}}}},
		Steps: []snapshot.LabStep{
			{Title: pick("the client opens the public port", "客户端访问公网端口"), From: "client", Do: "tcp", To: "203.0.113.1:443", Count: 1, Asks: pick("The gateway itself has no web server. Who answers?", "网关上没有网页服务。谁来应答？")},
			{Title: pick("a packet to port 9000", "发往 9000 端口"), From: "pc", Do: "tcp", To: "10.2.0.3:9000", Count: 1, Asks: pick("Will it get through?", "能通吗？")},
			{Title: pick("mail goes out directly", "直接发信"), From: "pc", Do: "tcp", To: "192.0.2.25:25", Count: 1, Asks: pick("Silence, or an answer?", "沉默还是答复？")},
		}}
	results := []string{"connected", "timed out", "refused"}
	says := []string{pick("DNAT sent it to the server behind.", "DNAT 把它送到后面的服务器。"), pick("The policy had the last word.", "最后由策略决定。"), pick("REJECT answers.", "REJECT 会答复。")}
	for i := range l.Steps {
		l.Steps[i].After = -1
		if i <= current {
			l.Steps[i].After = 13 + i
		}
		if i < current {
			l.Steps[i].Result, l.Steps[i].Says = results[i], says[i]
		}
	}
	s.Lab = l
	for _, j := range s.Journeys { // as package journey says it
		if o := &j.Outcome; o.Verdict == journey.Accepted {
			o.Sentence = "sent out of " + j.Out + ", accepted by " + o.By.Words()
		} else if o.By.Kind != "" {
			o.Sentence = o.Verdict + " by " + o.By.Words()
		}
	}
	s.Journeys = s.Journeys[:min(current, len(l.Steps))]
	s.Trace.Until = s.Time.Add(time.Hour)
	return s
}
