package lab

import "strconv"

// Service answers in a host: every request gets the line
// "NAME on HOST: you are ADDRESS:PORT", so that the caller learns what address
// translation made of it.
type Service struct {
	Name string `yaml:"name"`
	// Do is one of:
	//   - tcp, udp, http: an echo as above.
	//   - proxy: TCP; it asks the kernel where the connection was going before REDIRECT
	//     (SO_ORIGINAL_DST) and answers "NAME on HOST: you wanted ADDRESS:PORT".
	//   - dns: a resolver over UDP that knows Records and no other names.
	//   - agent: TCP; it turns the security groups of VMs on its host's bridge into rules and
	//     sets, and takes the orders "join GROUP VM" and "leave GROUP VM", a line each.
	//   - nfqueue: no server but the user space behind a rule -j NFQUEUE: it reads Queues
	//     and gives each packet a verdict.
	Do   string `yaml:"do"`
	Port uint16 `yaml:"port"`
	// Records are the resolver's names with their IPv4 addresses.
	Records map[string]string `yaml:"records"`
	// Queues are the numbers of nfqueue, as 50 or 50-58.
	Queues string `yaml:"queues"`
	// Drop is the text that nfqueue does not let pass: a packet with it in its payload is
	// dropped, all others are accepted. "" accepts all.
	Drop string `yaml:"drop"`
	// VMs and Groups are what an agent begins with. Backend is the iptables that it uses,
	// Fallback the other one, for where that is missing.
	VMs      []VM    `yaml:"vms"`
	Groups   []Group `yaml:"groups"`
	Backend  string  `yaml:"backend"`
	Fallback string  `yaml:"fallback"`
}

// at says where a service listens.
func (s Service) at() string {
	if s.Do == "nfqueue" {
		return "queue " + s.Queues
	}
	return "port " + strconv.Itoa(int(s.Port))
}
