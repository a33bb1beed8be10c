package lab

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// maxQueues bounds the queues of one service: each has a socket.
const maxQueues = 64

// services checks what answers in a host.
func (v *validator) services(w string, h *Host) {
	seen := map[string]bool{}
	for j, s := range h.Services {
		ws := fmt.Sprintf("%s.services[%d]", w, j)
		if s.Name == "" || strings.ContainsAny(s.Name, "\r\n") {
			v.bad(ws, "a service of host %s has no name of one line", h.Name)
		}
		network := map[string]string{"tcp": "tcp", "http": "tcp", "proxy": "tcp", "agent": "tcp", "udp": "udp", "dns": "udp", "nfqueue": "queue"}[s.Do]
		switch {
		case network == "":
			v.bad(ws+".do", "service %q does %q: expected tcp, udp, http, proxy, dns, agent or nfqueue", s.Name, s.Do)
			continue
		case network == "queue":
			v.queues(ws, s)
			continue
		case s.Port == 0:
			v.bad(ws+".port", "service %q: port 0; expected 1 to 65535", s.Name)
		}
		key := network + strconv.Itoa(int(s.Port))
		if seen[key] {
			v.bad(ws+".port", "two services of host %s listen on the same port %d", h.Name, s.Port)
		}
		seen[key] = true
		if (s.Do == "agent") != (len(s.VMs) > 0) || s.Do != "agent" && len(s.Groups) > 0 {
			v.bad(ws+".vms", "service %q: an agent, and only an agent, has VMs and groups", s.Name)
		}
		if s.Do == "agent" {
			v.agent(ws, h.Name, s)
		}
		if (s.Do == "dns") != (len(s.Records) > 0) {
			v.bad(ws+".records", "service %q: dns, and only dns, has records", s.Name)
		}
		for name, a := range s.Records {
			if ip, err := netip.ParseAddr(a); err != nil || !ip.Is4() {
				v.bad(ws+".records", "service %q: %q of %s is no IPv4 address", s.Name, a, name)
			}
			if _, err := dnsName(name); err != nil {
				v.bad(ws+".records", "service %q: %v", s.Name, err)
			}
		}
	}
}

func (v *validator) queues(ws string, s Service) {
	from, to, ok := splitRange(s.Queues)
	if !ok || to-from >= maxQueues {
		v.bad(ws+".queues", "service %q: queues %q; expected one such as 50 or 50-58, at most %d of them", s.Name, s.Queues, maxQueues)
	}
	if s.Port != 0 {
		v.bad(ws+".port", "service %q: nfqueue has queues and no port", s.Name)
	}
}
