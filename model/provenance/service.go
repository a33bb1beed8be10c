package provenance

import "strings"

// service reads the service, and the endpoint where there is one, of kube-proxy's
// comments (pkg/proxy/iptables/proxier.go of Kubernetes):
//
//	default/web:http cluster IP
//	default/web:http -> 10.244.1.5:8080
//	masquerade traffic for default/web:http external destinations
//	default/web:http has no endpoints
func service(comment string) (name, endpoint string) {
	for rest := comment; rest != ""; {
		var w string
		w, rest, _ = strings.Cut(rest, " ")
		if serviceName(w) {
			if to, ok := strings.CutPrefix(rest, "-> "); ok {
				endpoint, _, _ = strings.Cut(to, " ")
			}
			return strings.TrimSuffix(w, ":"), endpoint
		}
	}
	return "", ""
}

// ofService tells the chains that kube-proxy makes for one service or one endpoint.
func ofService(chain string) bool {
	for _, p := range []string{"KUBE-SVC-", "KUBE-SEP-", "KUBE-EXT-", "KUBE-SVL-", "KUBE-FW-", "KUBE-XLB-"} {
		if strings.HasPrefix(chain, p) {
			return true
		}
	}
	return false
}

// serviceName tells namespace/name and namespace/name:port, whose parts are DNS labels.
func serviceName(s string) bool {
	ns, rest, ok := strings.Cut(s, "/")
	if !ok {
		return false
	}
	name, port, _ := strings.Cut(rest, ":")
	return label(ns) && label(name) && (port == "" || label(port))
}

// label tells a DNS label of RFC 1123, in lower case.
func label(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// serviceChain reads the chains of kube-proxy's nftables mode:
// service-ULMVA6XW-ns/web/tcp/http, endpoint-5OJB2KTY-ns/web/tcp/http__10.180.0.1/80.
func serviceChain(chain string) string {
	kind, rest, ok := strings.Cut(chain, "-")
	if !ok {
		return ""
	}
	switch kind {
	case "service", "external", "endpoint", "firewall":
	default:
		return ""
	}
	_, rest, ok = strings.Cut(rest, "-")
	if !ok {
		return ""
	}
	rest, end, _ := strings.Cut(rest, "__")
	part := strings.Split(rest, "/")
	if len(part) < 3 || !label(part[0]) || !label(part[1]) {
		return ""
	}
	s := "service " + part[0] + "/" + part[1]
	if len(part) > 3 && part[3] != "" {
		s += ":" + part[3]
	}
	if ip, port, ok := strings.Cut(end, "/"); ok {
		if strings.Contains(ip, ".") && strings.Count(ip, ".") > 3 { // IPv6, its colons written as points
			ip = "[" + strings.ReplaceAll(ip, ".", ":") + "]"
		}
		s += ", endpoint " + ip + ":" + port
	}
	return s
}
