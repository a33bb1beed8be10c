// Package lab builds small networks in namespaces of its own, with real rules, real
// services and bounded traffic, so that a packet's way can be watched anywhere. A lab
// is a folder: lab.yaml, rules files in the form of their own save command, and
// lesson.en.md, lesson.zh.md.
package lab

import (
	"io/fs"
	"net/netip"
	"slices"
	"time"
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

	// Lesson is Markdown, from lesson.en.md and lesson.zh.md.
	Lesson Text `yaml:"-"`

	files fs.FS // the lab's own folder
	where *source
}

// Text is one text in the languages of the lessons.
type Text struct {
	En string `yaml:"en"`
	Zh string `yaml:"zh"`
}

// In gives the text in a language, "en" or "zh"; English where there is no other.
func (t Text) In(lang string) string {
	if lang == "zh" && t.Zh != "" {
		return t.Zh
	}
	return t.En
}

// Host is one network namespace.
type Host struct {
	Name string `yaml:"name"`
	// Addresses stand on lo, as prefixes.
	Addresses []string `yaml:"addresses"`
	// Bridges are made before the links; an End becomes a port of one by naming it.
	Bridges []string `yaml:"bridges"`
	Routes  []Route  `yaml:"routes"`
	// Sysctls begin with net. and are set in this namespace only.
	Sysctls  map[string]string `yaml:"sysctls"`
	Rules    []Rules           `yaml:"rules"`
	Services []Service         `yaml:"services"`
}

// Route is one route of the main table.
type Route struct {
	// To is a prefix, or default.
	To string `yaml:"to"`
	// Via is the gateway; it must be reachable on a link of the host.
	Via string `yaml:"via"`
}

// Rules names a file to load into a host.
type Rules struct {
	File string `yaml:"file"`
	// Backend is iptables-legacy, iptables-nft or nftables.
	Backend string `yaml:"backend"`
	// Family is ip (the default) or ip6; nftables files say it themselves.
	Family string `yaml:"family"`
	// Fallback is the backend to use where the program of Backend is missing.
	Fallback string `yaml:"fallback"`
}

// Service answers in a host: every request gets the line
// "NAME on HOST: you are ADDRESS:PORT", so that the caller learns what address
// translation made of it.
type Service struct {
	Name string `yaml:"name"`
	// Do is tcp, udp or http.
	Do   string `yaml:"do"`
	Port uint16 `yaml:"port"`
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

// Step is one thing a lab does: traffic from one host, what its sender must see and
// what must happen to its first packet in the observed host.
type Step struct {
	Name  string `yaml:"name"`
	Title Text   `yaml:"title"`
	// Says is what the step teaches.
	Says Text   `yaml:"says"`
	From string `yaml:"from"`
	// Source is the address to send from, "" for the kernel's choice.
	Source string `yaml:"source"`
	// Do is tcp (connect, one line, one answer), udp (one datagram, one answer), ping or http.
	Do string `yaml:"do"`
	// To is address:port, or an address for ping.
	To string `yaml:"to"`
	// Timeout is how long one attempt waits, 300 ms if it is 0: less than the second
	// after which TCP sends its SYN again. TimeoutText is what the file says.
	Timeout     time.Duration `yaml:"-"`
	TimeoutText string        `yaml:"timeout"`
	// Count is the number of attempts, one after the other; 1 if it is 0.
	Count int `yaml:"count"`
	// Result is the word that the sender must end with.
	Result Word `yaml:"result"`
	// Answer is what the answer must begin with.
	Answer string  `yaml:"answer"`
	Expect *Expect `yaml:"expect"`
}

// Expect states what the trace and conntrack of the observed host must show of a
// step's first packet. What is left out is not looked at.
type Expect struct {
	// Outcome is journey's word: accepted, dropped, rejected.
	Outcome string   `yaml:"outcome"`
	By      *Culprit `yaml:"by"`
	// Hits are rules that the packet met, in order, as "table/chain number"; others
	// may come between.
	Hits     []string    `yaml:"hits"`
	Sentence string      `yaml:"sentence"`
	Flow     *ExpectFlow `yaml:"flow"`
}

// Culprit is the rule or policy that had the last word.
type Culprit struct {
	Backend string `yaml:"backend"`
	Family  string `yaml:"family"`
	Table   string `yaml:"table"`
	Chain   string `yaml:"chain"`
	Kind    string `yaml:"kind"` // rule, policy, kernel
	Rule    int    `yaml:"rule"`
}

// ExpectFlow is what the conntrack entry of the step's first packet must be.
type ExpectFlow struct {
	// Class holds classes that must be among the flow's.
	Class []string `yaml:"class"`
	// Reply is the tuple that the answers come with.
	Reply Ends `yaml:"reply"`
}

// Ends are the two ends of a tuple, each an address with or without port, or "".
type Ends struct {
	Src string `yaml:"src"`
	Dst string `yaml:"dst"`
}

// Counter states a counter of the observed host.
type Counter struct {
	// At is "table/chain number" or "table/chain policy".
	At string `yaml:"at"`
	// Packets is the exact number; where it is absent Least is the smallest.
	Packets *uint64 `yaml:"packets"`
	Least   uint64  `yaml:"least"`
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

// wait is the step's timeout with its default.
func (s *Step) wait() time.Duration {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return 300 * time.Millisecond
}
