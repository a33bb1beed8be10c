package provenance

import (
	"strings"

	"nfscope/model"
)

// aboutChain is what a chain's name says.
func aboutChain(program, chain string) string {
	cut := func(prefix string) (string, bool) {
		s, ok := strings.CutPrefix(chain, prefix)
		return s, ok && s != ""
	}
	switch program {
	case "fail2ban":
		for _, p := range []string{"f2b-", "fail2ban-"} {
			if s, ok := cut(p); ok && s != "chain" {
				return "jail " + s
			}
		}
	case "firewalld":
		if zone, _ := zoneOf(chain); zone != "" {
			return "zone " + zone
		}
	case "calico":
		return calicoChain(chain)
	case "kube-proxy":
		return serviceChain(chain)
	case "libvirt":
		if len(chain) > 3 && chain[2] == '-' {
			return "interface " + chain[3:]
		}
	case "neutron":
		for _, p := range []string{"neutron-openvswi-", "neutron-linuxbri-"} {
			if s, ok := cut(p); ok && len(s) == 11 && strings.IndexByte("ios", s[0]) >= 0 {
				return map[byte]string{'i': "to port ", 'o': "from port ", 's': "allowed senders at port "}[s[0]] + s[1:]
			}
		}
	case "istio":
		switch chain {
		case "ISTIO_REDIRECT", "ISTIO_OUTPUT":
			return "what the pod sends, into the sidecar"
		case "ISTIO_IN_REDIRECT", "ISTIO_INBOUND", "ISTIO_TPROXY", "ISTIO_DIVERT":
			return "what the pod is sent, into the sidecar"
		}
	case "docker":
		for _, p := range []string{"filter-forward-in__", "filter-forward-out__", "nat-postrouting-in__", "nat-postrouting-out__"} {
			if s, ok := cut(p); ok {
				return "bridge " + s
			}
		}
	case "firehol":
		if s, ok := fireholService(chain); ok {
			return s
		}
	}
	return ""
}

// aboutRule is what a rule's comment says, or the chain it calls.
func aboutRule(program string, r *model.Rule) string {
	switch program {
	case "kube-proxy":
		if s, to := service(r.Comment); s != "" {
			if to != "" {
				return "service " + s + ", endpoint " + to
			}
			return "service " + s
		}
		return serviceChain(r.Jump)
	case "cni-portmap", "podman":
		net, id := cniNames(r.Comment)
		switch {
		case id != "" && net != "":
			return "network " + net + ", container " + id[:min(12, len(id))]
		case id != "":
			return "container " + id[:min(12, len(id))]
		}
	case "ufw":
		for _, p := range []string{"dapp_", "sapp_"} {
			if i := strings.Index(r.Comment, p); i >= 0 {
				app, _, _ := strings.Cut(r.Comment[i+len(p):], ",")
				return "application " + strings.ReplaceAll(strings.TrimRight(app, `\'`), "%20", " ")
			}
		}
	case "calico":
		if _, says := calicoComment(r); says != "" {
			return says
		}
		return calicoChain(r.Jump)
	case "weave":
		if strings.HasPrefix(r.Comment, "pods: ") || strings.HasPrefix(r.Comment, "namespaces: ") || strings.HasPrefix(r.Comment, "cidr: ") {
			return r.Comment
		}
	case "azure-npm":
		if s := strings.TrimPrefix(r.Comment, "ALLOW-"); s != r.Comment || strings.HasPrefix(r.Comment, "DROP-") {
			return strings.ToLower(r.Comment[:1]) + strings.ReplaceAll(r.Comment[1:], "-TO-", " to ")
		}
	case "docker":
		if dev := dockerRule(r.Text); dev != "" {
			return "bridge " + dev
		}
	case "firewalld", "neutron":
		if r.Jump != "" {
			return aboutChain(program, r.Jump)
		}
	}
	return ""
}

// zoneOf gives the zone of one of firewalld's chains: IN_public, FWDO_public_deny,
// PRE_public, nat_POST_public_allow.
func zoneOf(chain string) (string, bool) {
	s := chain
	for _, p := range []string{"filter_", "nat_", "mangle_", "raw_"} {
		s = strings.TrimPrefix(s, p)
	}
	switch s {
	case "INPUT_ZONES", "INPUT_ZONES_SOURCE", "INPUT_direct", "FORWARD_direct", "OUTPUT_direct", "FORWARD_IN_ZONES",
		"FORWARD_OUT_ZONES", "FORWARD_IN_ZONES_SOURCE", "FORWARD_OUT_ZONES_SOURCE", "PREROUTING_ZONES", "PREROUTING_ZONES_SOURCE",
		"PREROUTING_direct", "POSTROUTING_ZONES", "POSTROUTING_ZONES_SOURCE", "POSTROUTING_direct", "FORWARD_ZONES",
		"INPUT_POLICIES", "OUTPUT_POLICIES", "FORWARD_POLICIES":
		return "", true
	}
	for _, p := range []string{"IN_", "FWDI_", "FWDO_", "FWD_", "PRE_", "POST_"} {
		zone, ok := strings.CutPrefix(s, p)
		if !ok || zone == "" || len(zone) > 22 { // a zone has at most 17 characters
			continue
		}
		for _, tail := range []string{"_allow", "_deny", "_log", "_pre", "_post"} {
			zone = strings.TrimSuffix(zone, tail)
		}
		return zone, zone != ""
	}
	return "", false
}

// calicoChain reads the names of workloads and profiles. Felix cuts long ones and
// hashes them: then there is nothing to tell.
func calicoChain(chain string) string {
	for _, p := range []string{"filter-", "nat-", "mangle-", "raw-"} {
		chain = strings.TrimPrefix(chain, p)
	}
	name, ok := strings.CutPrefix(chain, "cali-")
	if !ok {
		return ""
	}
	kind, rest, ok := strings.Cut(name, "-")
	if !ok || rest == "" {
		return ""
	}
	switch kind {
	case "tw":
		return "to workload interface " + rest
	case "fw":
		return "from workload interface " + rest
	case "pri", "pro":
		if ns, ok := strings.CutPrefix(rest, "kns."); ok {
			return "namespace " + ns
		}
		if sa, ok := strings.CutPrefix(rest, "ksa."); ok {
			return "service account " + strings.Replace(sa, ".", "/", 1)
		}
	}
	return ""
}

// calicoComment is the hash of calico's first comment and the words of its second.
func calicoComment(r *model.Rule) (hash, says string) {
	for text := r.Text; ; {
		i := strings.Index(text, "--comment ")
		if i < 0 {
			return hash, says
		}
		text = text[i+len("--comment "):]
		s, _, _ := strings.Cut(text, " ")
		if strings.HasPrefix(text, `"`) {
			s, _, _ = strings.Cut(text[1:], `"`)
		}
		if h, ok := strings.CutPrefix(s, "cali:"); ok {
			hash = h
		} else if says == "" {
			says = s
		}
	}
}

// cniNames reads what CNI's plugins and netavark write: name: "net" id: "container",
// dnat name: "net" id: "container"; the quotes are escaped, or not there.
func cniNames(comment string) (network, container string) {
	if !strings.Contains(comment, "id: ") {
		return "", ""
	}
	value := func(key string) string {
		_, s, ok := strings.Cut(comment, key)
		if !ok {
			return ""
		}
		s = strings.TrimLeft(s, `\"' `)
		if i := strings.IndexAny(s, `\"' `); i >= 0 {
			s = s[:i]
		}
		return s
	}
	network, container = value("name: "), value("id: ")
	if strings.Trim(container, "0123456789abcdef-") != "" {
		return "", "" // no container's name
	}
	return network, container
}

// fireholService reads in_world_ssh_s1: interface world, service ssh.
func fireholService(chain string) (string, bool) {
	at := strings.LastIndexByte(chain, '_')
	if at < 0 || at+2 >= len(chain)+1 {
		return "", false
	}
	tail := chain[at+1:]
	if len(tail) < 2 || tail[0] != 's' && tail[0] != 'c' || strings.Trim(tail[1:], "0123456789") != "" {
		return "", false
	}
	_, rest, _ := strings.Cut(chain[:at], "_")
	i := strings.LastIndexByte(rest, '_')
	if i <= 0 {
		return "", false
	}
	return "interface " + rest[:i] + ", service " + rest[i+1:], true
}

// firehol tells its chains by name, else by the words of the last LOG rules, its own
// or those that the table's base chains end with.
func firehol(t *model.Table, c *model.Chain) bool {
	if _, ok := fireholService(c.Name); ok || unmatched(c) {
		return true
	}
	for _, b := range t.Chains {
		if b.Base() && unmatched(b) {
			return true
		}
	}
	return false
}

func unmatched(c *model.Chain) bool {
	for i := len(c.Rules) - 1; i >= 0 && i >= len(c.Rules)-4; i-- {
		if fireholLog(c.Rules[i].Text) {
			return true
		}
	}
	return false
}

func fireholLog(text string) bool {
	_, s, ok := strings.Cut(text, " UNMATCHED ")
	return ok && (strings.HasPrefix(s, "IN-") || strings.HasPrefix(s, "OUT-") || strings.HasPrefix(s, "PASS-"))
}

func isShorewall(name string) bool { return strings.HasPrefix(name, "shorewall") }

// shorewallChain tells net2fw, net-fw, net_frwd and the chains with set names.
func shorewallChain(name string) bool {
	switch name {
	case "dynamic", "logdrop", "logreject", "logflags", "reject", "smurfs", "tcpflags", "sfilter", "blacklst", "dropBcast",
		"dropInvalid", "dropNotSyn", "Broadcast", "Drop", "Reject":
		return true
	}
	for _, s := range []string{"_frwd", "_fwd", "_input", "_output", "_in", "_out", "_mac", "_masq", "_dnat", "_ctrk"} {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	if a, b, ok := strings.Cut(name, "2"); ok && a != "" && b != "" {
		return true
	}
	a, b, ok := strings.Cut(name, "-")
	return ok && a != "" && b != "" && strings.ToLower(name) == name || strings.HasPrefix(name, "~")
}
