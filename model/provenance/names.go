package provenance

import (
	"strings"

	"nfscope/model"
)

// mark joins a name, or the beginning of one, and the program that uses it.
type mark struct {
	prefix string
	name   string
	exact  bool
}

// chains are the names of chains. Longer prefixes stand before shorter ones of
// another program. The order is that of the first letters, which byChain uses.
var chains = []mark{
	{"ANTREA-", "antrea", false},
	{"AZURE-NPM", "azure-npm", false},
	{"CILIUM_", "cilium", false}, {"OLD_CILIUM_", "cilium", false},
	{"CNI-", "cni-portmap", false},
	{"DOCKER", "docker", true}, {"DOCKER-", "docker", false}, {"DOCKER_OUTPUT", "docker", true}, {"DOCKER_POSTROUTING", "docker", true},
	{"FI-vnet", "libvirt", false}, {"FO-vnet", "libvirt", false}, {"HI-vnet", "libvirt", false}, {"FJ-vnet", "libvirt", false},
	{"FP-vnet", "libvirt", false}, {"FLANNEL-", "flannel", false},
	{"ISTIO_", "istio", false},
	{"IP-MASQ-AGENT", "kubelet", false},
	{"KUBE-KUBELET-CANARY", "kubelet", true}, {"KUBE-FIREWALL", "kubelet", true}, {"KUBE-IPTABLES-HINT", "kubelet", true},
	{"KUBE-ROUTER-", "kube-router", false}, {"KUBE-POD-FW-", "kube-router", false}, {"KUBE-NWPLCY-", "kube-router", false},
	{"KUBE-", "kube-proxy", false},
	{"LIBVIRT_", "libvirt", false},
	{"NETAVARK", "podman", false},
	{"WEAVE", "weave", true}, {"WEAVE-", "weave", false},
	{"cali-", "calico", false}, {"cilium_", "cilium", false},
	{"f2b-", "fail2ban", false}, {"fail2ban-", "fail2ban", false},
	{"libvirt-", "libvirt", false},
	{"neutron-", "neutron", false}, {"nova-", "nova", false},
	{"shorewall", "shorewall", false},
	{"ts-input", "tailscale", true}, {"ts-forward", "tailscale", true}, {"ts-postrouting", "tailscale", true},
	{"ufw-", "ufw", false}, {"ufw6-", "ufw", false},
}

// tables are the names of nftables tables that belong to one program alone.
var tables = []mark{
	{"calico", "calico", true},
	{"docker-bridges", "docker", true}, {"docker-", "docker", false},
	{"f2b-table", "fail2ban", true},
	{"firewalld", "firewalld", true}, {"firewalld_policy_drop", "firewalld", true},
	{"kube-proxy", "kube-proxy", true},
	{"libvirt_network", "libvirt", true},
	{"netavark", "podman", true},
	{"shorewall", "shorewall", true},
}

// byChain is the program that names its chains so; "" where none is known to.
func byChain(name string) string {
	if name == "" {
		return ""
	}
	for i := range chains {
		if m := &chains[i]; m.prefix[0] == name[0] && strings.HasPrefix(name, m.prefix) && (!m.exact || name == m.prefix) {
			return m.name
		}
	}
	if _, ok := zoneOf(name); ok {
		return "firewalld"
	}
	return ""
}

// shared tells chains that a program makes for the rules of others.
func shared(chain string) bool {
	switch chain {
	case "DOCKER-USER", "CNI-ADMIN", "NETAVARK_ISOLATION_1":
		return true
	}
	return false
}

// comments are how programs begin the comments of rules that stand in base chains.
var comments = []mark{
	{"cali:", "calico", false},
	{"cilium: ", "cilium", false}, {"cilium-feeder: ", "cilium", false},
	{"Antrea: ", "antrea", false}, {"antrea: ", "antrea", false},
	{"flanneld ", "flannel", false},
	{"kubernetes service portals", "kube-proxy", false}, {"kubernetes service nodeports", "kube-proxy", false},
	{"kubernetes externally-visible service portals", "kube-proxy", false}, {"kubernetes forwarding ", "kube-proxy", false},
	{"kubernetes postrouting rules", "kube-proxy", false}, {"kubernetes load balancer firewall", "kube-proxy", false},
	{"kubernetes health check service ports", "kube-proxy", false},
	{"ip-masq-agent: ", "kubelet", false},
	{"kube-router netpol", "kube-router", false},
	{"CNI portfwd ", "cni-portmap", false}, {"CNI firewall plugin ", "cni-portmap", false},
	{"netavark ", "podman", false},
}

// byComment is the program that writes such comments. CNI's plugins name network and
// container; podman uses them too, and calls its network podman.
func byComment(r *model.Rule) string {
	c := r.Comment
	if c == "" {
		return ""
	}
	for i := range comments {
		if strings.HasPrefix(c, comments[i].prefix) {
			return comments[i].name
		}
	}
	if net, id := cniNames(c); id != "" {
		if strings.HasPrefix(net, "podman") {
			return "podman"
		}
		return "cni-portmap"
	}
	return ""
}

// dockerRule gives the bridge of a rule that docker puts into base chains; "" for all
// others, so that an administrator's rule about docker0 is not taken for docker's.
func dockerRule(text string) string {
	if !strings.Contains(text, "docker") && !strings.Contains(text, " br-") {
		return ""
	}
	f := strings.Fields(text)
	if len(f) < 4 || f[0] != "-A" {
		return ""
	}
	dev := ""
	for i, w := range f {
		if dockerBridge(w) {
			if dev != "" && dev != w || i == 0 || f[i-1] != "-i" && f[i-1] != "-o" {
				return ""
			}
			dev = w
		}
	}
	if dev == "" {
		return ""
	}
	rest := strings.ReplaceAll(strings.Join(f[2:], " "), dev, "BR")
	switch f[1] {
	case "FORWARD":
		switch rest {
		case "-o BR -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT", "-i BR ! -o BR -j ACCEPT", "-i BR -o BR -j ACCEPT",
			"-i BR -o BR -j DROP", "-o BR -j DOCKER", "-i BR -j ACCEPT":
			return dev
		}
	case "POSTROUTING":
		if src, ok := strings.CutPrefix(rest, "-s "); ok {
			if _, tail, _ := strings.Cut(src, " "); tail == "! -o BR -j MASQUERADE" {
				return dev
			}
		}
	}
	return ""
}

// dockerBridge tells docker0, docker_gwbridge and br- with twelve digits.
func dockerBridge(dev string) bool {
	if dev == "docker0" || dev == "docker_gwbridge" {
		return true
	}
	id, ok := strings.CutPrefix(dev, "br-")
	return ok && len(id) == 12 && strings.Trim(id, "0123456789abcdef") == ""
}
