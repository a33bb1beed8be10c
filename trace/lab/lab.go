// Package lab builds small networks in namespaces of its own, with real rules, real
// services and bounded traffic, so that a packet's way can be watched anywhere. A lab
// is a folder: lab.yaml, rules files in the form of their own save command, and
// lesson.en.md, lesson.zh.md.
package lab

import (
	"io/fs"
	"net/netip"
	"slices"
)

// Lab is one lab as its folder says it. A Lab that was loaded is never changed.
type Lab struct {
	Name  string `yaml:"name"`
	Title Text   `yaml:"title"`
	// Observed is the host whose netfilter is traced.
	Observed string `yaml:"observed"`
	// Filter is the trace filter, in nfscope's filter language.
	Filter string `yaml:"filter"`
	Hosts  []Host `yaml:"hosts"`
	Links  []Link `yaml:"links"`
	Steps  []Step `yaml:"steps"`
	// Counters are what the observed host's rules have counted after every step ran once.
	Counters []Counter `yaml:"counters"`
	// Kernel are what the kernel itself has counted meanwhile, Pools the ports in use then.
	Kernel []Kernel `yaml:"kernel"`
	Pools  []Pool   `yaml:"pools"`

	// Lesson is Markdown, from lesson.en.md and lesson.zh.md.
	Lesson Text `yaml:"-"`

	files  fs.FS // the lab's own folder
	folder string
	own    bool
	where  *source
}

// Text is one text in the languages of the lessons.
type Text struct {
	En string `yaml:"en"`
	Zh string `yaml:"zh"`
}

// In gives the text in a language, "en" or "zh"; the other one where it is not there.
func (t Text) In(lang string) string {
	if lang == "zh" && t.Zh != "" || t.En == "" {
		return t.Zh
	}
	return t.En
}

// Host is one network namespace.
type Host struct {
	Name string `yaml:"name"`
	// Addresses stand on lo, as prefixes.
	Addresses []string `yaml:"addresses"`
	// Bridges are made before the links; an End or a VLAN becomes a port of one by naming it.
	Bridges []Bridge `yaml:"bridges"`
	// VLANs are made behind the links.
	VLANs  []VLAN  `yaml:"vlans"`
	Routes []Route `yaml:"routes"`
	// Neighbours are entries of the neighbour table that never expire.
	Neighbours []Neighbour `yaml:"neighbours"`
	// Sysctls begin with net. and are set in this namespace only.
	Sysctls  map[string]string `yaml:"sysctls"`
	Rules    []Rules           `yaml:"rules"`
	Services []Service         `yaml:"services"`
}

// Bridge is a switch inside a host.
type Bridge struct {
	Name string `yaml:"name"`
	// Addresses make the host itself a member of the bridge's network.
	Addresses []string `yaml:"addresses"`
}

// VLAN is an interface for the frames of one VLAN (802.1Q) on another interface.
type VLAN struct {
	Dev string `yaml:"dev"`
	// On is the interface that carries the tagged frames.
	On        string   `yaml:"on"`
	ID        int      `yaml:"id"`
	Addresses []string `yaml:"addresses"`
	Bridge    string   `yaml:"bridge"`
}

// Route is one route of the main table.
type Route struct {
	// To is a prefix, or default.
	To string `yaml:"to"`
	// Via is the gateway; it must be reachable on a link of the host.
	Via string `yaml:"via"`
	// Type, in place of Via, says what becomes of the packets: blackhole, unreachable or
	// prohibit.
	Type string `yaml:"type"`
}

// Neighbour is the hardware address that a host believes an address to have.
type Neighbour struct {
	Address string `yaml:"address"`
	MAC     string `yaml:"mac"`
	Dev     string `yaml:"dev"`
}

// Rules names a file to load into a host.
type Rules struct {
	File string `yaml:"file"`
	// Backend is iptables-legacy, iptables-nft or nftables; ipset for a file of sets,
	// which stands before the rules that name them.
	Backend string `yaml:"backend"`
	// Family is ip (the default) or ip6; nftables files say it themselves.
	Family string `yaml:"family"`
	// Fallback is the backend to use where the program of Backend is missing.
	Fallback string `yaml:"fallback"`
}

// Link is a veth pair.
type Link struct {
	Ends []End `yaml:"ends"`
}

// End is one end of a link.
type End struct {
	Host      string   `yaml:"host"`
	Dev       string   `yaml:"dev"`
	Addresses []string `yaml:"addresses"`
	// Bridge makes the interface a port of a bridge of its host.
	Bridge string `yaml:"bridge"`
}

// Host finds a host by name; nil where there is none.
func (l *Lab) Host(name string) *Host {
	for i := range l.Hosts {
		if l.Hosts[i].Name == name {
			return &l.Hosts[i]
		}
	}
	return nil
}

// addresses lists what a host is called by.
func (l *Lab) addresses(host string) []netip.Addr {
	var texts []string
	if h := l.Host(host); h != nil {
		texts = append(texts, h.Addresses...)
		for _, b := range h.Bridges {
			texts = append(texts, b.Addresses...)
		}
		for _, v := range h.VLANs {
			texts = append(texts, v.Addresses...)
		}
	}
	for _, link := range l.Links {
		for _, e := range link.Ends {
			if e.Host == host {
				texts = append(texts, e.Addresses...)
			}
		}
	}
	var list []netip.Addr
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			list = append(list, p.Addr())
		}
	}
	return list
}

// hasIPv6 tells whether a host has an IPv6 address.
func (l *Lab) hasIPv6(host string) bool {
	return slices.ContainsFunc(l.addresses(host), netip.Addr.Is6)
}

// Step finds a step by name; -1 where there is none.
func (l *Lab) Step(name string) int {
	for i := range l.Steps {
		if l.Steps[i].Name == name {
			return i
		}
	}
	return -1
}
