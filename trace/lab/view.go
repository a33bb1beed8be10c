package lab

import (
	"slices"

	"nfscope/model/snapshot"
)

// View is the lab as the screen shows it, in a language ("en" or "zh"): current is
// the step under way, len(Steps) when all are done; results are those known so far.
func (l *Lab) View(lang string, current int, results []Result) *snapshot.Lab {
	v := &snapshot.Lab{Name: l.Name, Title: l.Title.In(lang), Lang: lang, Lesson: l.Lesson.In(lang), Net: l.net(), Current: current,
		Steps: make([]snapshot.LabStep, len(l.Steps))}
	for _, p := range l.Pools {
		v.Pools = append(v.Pools, snapshot.LabPool{Address: p.Address, Ports: p.Ports})
	}
	for i := range l.Steps {
		s := &l.Steps[i]
		v.Steps[i] = snapshot.LabStep{Title: s.Title.In(lang), Asks: s.Asks.In(lang), From: s.From, Do: s.Do, To: s.To, Count: max(1, s.Count)}
	}
	for _, r := range results {
		if r.Step >= 0 && r.Step < len(v.Steps) {
			v.Steps[r.Step].Result = r.String()
			v.Steps[r.Step].Says = l.Steps[r.Step].Says.In(lang)
		}
	}
	return v
}

// net is the network that is drawn.
func (l *Lab) net() snapshot.LabNet {
	n := snapshot.LabNet{Observed: l.Observed}
	for _, h := range l.Hosts {
		host := snapshot.LabHost{Name: h.Name}
		if len(h.Addresses) > 0 {
			host.Devices = append(host.Devices, snapshot.LabDevice{Dev: "lo", Addresses: slices.Clone(h.Addresses)})
		}
		for _, b := range h.Bridges {
			host.Devices = append(host.Devices, snapshot.LabDevice{Dev: b.Name, Addresses: slices.Clone(b.Addresses)})
		}
		for _, v := range h.VLANs {
			host.Devices = append(host.Devices, snapshot.LabDevice{Dev: v.Dev, Addresses: slices.Clone(v.Addresses)})
		}
		for _, s := range h.Services {
			host.Services = append(host.Services, snapshot.LabService{Name: s.Name, Do: s.Do, Port: s.Port})
		}
		n.Hosts = append(n.Hosts, host)
	}
	for _, k := range l.Links {
		var link snapshot.LabLink
		for i, e := range k.Ends[:min(len(k.Ends), 2)] {
			link.Ends[i] = snapshot.LabEnd{Host: e.Host, Dev: e.Dev, Addresses: slices.Clone(e.Addresses), Bridge: e.Bridge}
		}
		n.Links = append(n.Links, link)
	}
	return n
}
