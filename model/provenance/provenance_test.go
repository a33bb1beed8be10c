package provenance

import (
	"slices"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset"
)

// Lines in the form in which the programs write them, and what is to be told of them.
func TestRules(t *testing.T) {
	const id = "3f1e0c9b7a6d5e4f3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d5c4b3a2f1e0d"
	for _, c := range []struct {
		table, rule string
		want        Origin
	}{
		{"filter", `-A FORWARD -j DOCKER-USER`, Origin{"docker", ""}},
		{"filter", `-A FORWARD -o br-0f1e2d3c4b5a -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`, Origin{"docker", "bridge br-0f1e2d3c4b5a"}},
		{"filter", `-A FORWARD -i docker0 ! -o docker0 -j ACCEPT`, Origin{"docker", "bridge docker0"}},
		{"nat", `-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE`, Origin{"docker", "bridge docker0"}},
		{"filter", `-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT`, Origin{"docker", ""}},
		{"filter", `-A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2`, Origin{"docker", ""}},
		{"filter", `-A DOCKER-USER -j RETURN`, Origin{"docker", ""}},
		{"nat", `-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT`, Origin{"docker", ""}}, // of its name server
		{"nat", `-A POSTROUTING -d 127.0.0.11/32 -j DOCKER_POSTROUTING`, Origin{"docker", ""}},
		{"filter", `-A DOCKER-USER -s 198.51.100.7/32 -j DROP`, Origin{}}, // the administrator's
		{"filter", `-A FORWARD -i docker0 -p tcp -m tcp --dport 25 -j DROP`, Origin{}},
		{"filter", `-A INPUT -i br-lan -j ACCEPT`, Origin{}},

		{"nat", `-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES`, Origin{"kube-proxy", ""}},
		{"nat", `-A KUBE-SERVICES -d 10.96.0.10/32 -p udp -m comment --comment "kube-system/kube-dns:dns cluster IP" -m udp --dport 53 -j KUBE-SVC-TCOU7JCQXEZGVUNU`,
			Origin{"kube-proxy", "service kube-system/kube-dns:dns"}},
		{"nat", `-A KUBE-SVC-TCOU7JCQXEZGVUNU -m comment --comment "kube-system/kube-dns:dns -> 10.244.0.2:53" -m statistic --mode random --probability 0.50000000000 -j KUBE-SEP-YIL6JZP7A3QYXJU2`,
			Origin{"kube-proxy", "service kube-system/kube-dns:dns, endpoint 10.244.0.2:53"}},
		{"nat", `-A KUBE-EXT-CG5I4G2RS3ZVWGLK -m comment --comment "masquerade traffic for ingress/edge:https external destinations" -j KUBE-MARK-MASQ`,
			Origin{"kube-proxy", "service ingress/edge:https"}},
		{"filter", `-A KUBE-SERVICES -d 10.96.3.3/32 -p tcp -m comment --comment "default/idle has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable`,
			Origin{"kube-proxy", "service default/idle"}},
		{"nat", `-A KUBE-SEP-AAAA -s 10.244.1.9/32 -m comment --comment "shop/cart:http" -j KUBE-MARK-MASQ`, Origin{"kube-proxy", "service shop/cart:http"}},
		{"filter", `-A KUBE-FIREWALL -m comment --comment "block incoming localnet connections" -j DROP`, Origin{"kubelet", ""}},
		{"filter", `-A FORWARD -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD`, Origin{"kube-router", ""}},

		{"filter", `-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD`, Origin{"calico", ""}},
		{"filter", `-A cali-tw-cali1a2b3c4d5e6 -m comment --comment "cali:abcdefghijklmnop" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT`,
			Origin{"calico", "to workload interface cali1a2b3c4d5e6"}},
		{"filter", `-A cali-fw-cali1a2b3c4d5e6 -m comment --comment "cali:abcdefghijklmnop" -j ACCEPT`,
			Origin{"calico", "from workload interface cali1a2b3c4d5e6"}},
		{"filter", `-A cali-fw-cali1a2b3c4d5e6 -m comment --comment "cali:abcdefghijklmnop" -m comment --comment "Drop VXLAN encapped packets originating in workloads" -p udp -j DROP`,
			Origin{"calico", "Drop VXLAN encapped packets originating in workloads"}},
		{"filter", `-A FORWARD -m comment --comment "cali:S93hcgKJrXEqnTfs" -m comment --comment "Policy explicitly accepted packet." -m mark --mark 0x10000/0x10000 -j ACCEPT`,
			Origin{"calico", "Policy explicitly accepted packet."}},
		{"filter", `-A cali-x -m comment --comment "cali:a" -j cali-pri-kns.kube-system`, Origin{"calico", "namespace kube-system"}},
		{"filter", `-A FORWARD -m comment --comment "cilium-feeder: CILIUM_FORWARD" -j CILIUM_FORWARD`, Origin{"cilium", ""}},
		{"filter", `-A FORWARD -m comment --comment "Antrea: jump to Antrea forwarding rules" -j ANTREA-FORWARD`, Origin{"antrea", ""}},
		{"nat", `-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG`, Origin{"flannel", ""}},
		{"filter", `-A INPUT -j WEAVE-NPC-EGRESS`, Origin{"weave", ""}},
		{"filter", `-A WEAVE-NPC-INGRESS -m set --match-set weave-a src -m comment --comment "pods: namespace: shop, selector: app=web -> pods: namespace: shop, selector: app=db (ingress)" -j ACCEPT`,
			Origin{"weave", "pods: namespace: shop, selector: app=web -> pods: namespace: shop, selector: app=db (ingress)"}},

		{"filter", `-A INPUT -j INPUT_ZONES`, Origin{"firewalld", ""}},
		{"filter", `-A INPUT_ZONES -i eth0 -g IN_public`, Origin{"firewalld", "zone public"}},
		{"filter", `-A IN_dmz_allow -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -j ACCEPT`, Origin{"firewalld", "zone dmz"}},
		{"filter", `-A INPUT -j ufw-before-input`, Origin{"ufw", ""}},
		{"filter", `-A INPUT -j ufw6-before-input`, Origin{"ufw", ""}},
		{"filter", `-A INPUT -m limit --limit 3/min -j LOG --log-prefix "[UFW BLOCK] "`, Origin{"ufw", ""}},
		{"filter", `-A ufw-user-input -p tcp -m tcp --dport 22 -m comment --comment "'dapp_OpenSSH'" -j ACCEPT`, Origin{"ufw", "application OpenSSH"}},
		{"filter", `-A INPUT -j LIBVIRT_INP`, Origin{"libvirt", ""}},
		{"filter", `-A FI-vnet3 -p tcp -j RETURN`, Origin{"libvirt", "interface vnet3"}},
		{"filter", `-A FO-vnet3 -j ACCEPT`, Origin{"libvirt", "interface vnet3"}},
		{"filter", `-A HI-vnet3 -j ACCEPT`, Origin{"libvirt", "interface vnet3"}},
		{"filter", `-A FJ-vnet3 -j ACCEPT`, Origin{"libvirt", "interface vnet3"}},
		{"filter", `-A FP-vnet3 -j ACCEPT`, Origin{"libvirt", "interface vnet3"}},
		{"nat", `-A PREROUTING -i vnet3 -j libvirt-I-vnet3`, Origin{"libvirt", ""}},
		{"nat", `-A OUTPUT -j ISTIO_OUTPUT`, Origin{"istio", "what the pod sends, into the sidecar"}},
		{"filter", `-A INPUT -p tcp -m multiport --dports 22 -j f2b-sshd`, Origin{"fail2ban", "jail sshd"}},
		{"filter", `-A INPUT -p tcp -j fail2ban-ssh`, Origin{"fail2ban", "jail ssh"}},
		{"filter", `-A f2b-sshd -s 198.51.100.9/32 -j REJECT --reject-with icmp-port-unreachable`, Origin{"fail2ban", "jail sshd"}},
		{"filter", `-A FORWARD -m comment --comment "netavark firewall rules" -j NETAVARK_FORWARD`, Origin{"podman", ""}},
		{"nat", `-A NETAVARK-HOSTPORT-DNAT -p tcp -m tcp --dport 8080 -m comment --comment "dnat name: podman id: ` + id + `" -j NETAVARK-DN-1D8721804F16F`,
			Origin{"podman", "network podman, container 3f1e0c9b7a6d"}},
		{"nat", `-A POSTROUTING -s 10.88.0.5/32 -m comment --comment "name: \"podman\" id: \"` + id + `\"" -j CNI-aa11bb22cc33dd44ee55ff66`,
			Origin{"podman", "network podman, container 3f1e0c9b7a6d"}},
		{"nat", `-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"cbr0\" id: \"` + id + `\"" -m multiport --dports 80 -j CNI-DN-0123456789abcdef`,
			Origin{"cni-portmap", "network cbr0, container 3f1e0c9b7a6d"}},
		{"nat", `-A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ`, Origin{"cni-portmap", ""}},
		{"filter", `-A INPUT -j ts-input`, Origin{"tailscale", ""}},
		{"filter", `-A neutron-openvswi-FORWARD -m physdev --physdev-out tap0a1b2c3d-4e --physdev-is-bridged -j neutron-openvswi-i0a1b2c3d-4`,
			Origin{"neutron", "to port 0a1b2c3d-4"}},
		{"filter", `-A INPUT -j nova-api-INPUT`, Origin{"nova", ""}},
		{"filter", `-A FORWARD -j LOG --log-prefix "Shorewall:FORWARD:REJECT:" --log-level 6`, Origin{"shorewall", ""}},
		{"filter", `-A FORWARD -m limit --limit 1/sec -j LOG --log-prefix "DROP UNMATCHED PASS-unknown:"`, Origin{"firehol", ""}},
		{"filter", `-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "ssh for the office" -j ACCEPT`, Origin{}},
		{"filter", `-A INPUT -m comment --comment "id: the front door" -j ACCEPT`, Origin{}},
	} {
		tb, ch, r := read(t, c.table, c.rule)
		got, ok := Of(tb, ch, r)
		if got != c.want || ok != (c.want.Name != "") {
			t.Errorf("%s\n got  %q %v\n want %q", c.rule, got, ok, c.want)
		}
		if ok && !slices.Contains(Names(), got.Name) {
			t.Errorf("%q is not in Names", got.Name)
		}
	}
}

// read makes a ruleset of one rule, with the chains it calls.
func read(t *testing.T, table, rule string) (*model.Table, *model.Chain, *model.Rule) {
	t.Helper()
	f := strings.Fields(rule)
	text := "*" + table + "\n"
	declare := func(chain string) {
		if strings.Contains(text, ":"+chain+" ") {
			return
		}
		policy := "-"
		if _, _, base := model.BuiltinChain(table, chain); base {
			policy = "ACCEPT"
		}
		text += ":" + chain + " " + policy + " [0:0]\n"
	}
	declare(f[1])
	for i, w := range f[:len(f)-1] {
		if n := f[i+1]; (w == "-j" || w == "-g") && (strings.ContainsAny(n, "-_") || n == "WEAVE") {
			declare(n)
		}
	}
	rs, _, found := ruleset.ParseFile("t", []byte(text+rule+"\nCOMMIT\n"))
	if len(found) > 0 {
		t.Fatal(found)
	}
	for _, c := range rs.Tables[0].Chains {
		if c.Name == f[1] {
			return rs.Tables[0], c, &c.Rules[0]
		}
	}
	t.Fatal("the rule was lost")
	return nil, nil, nil
}

// A service's chains have hashes for names: their rules tell whose they are.
func TestChainOfAService(t *testing.T) {
	tb, ch, _ := read(t, "nat", `-A KUBE-SEP-YIL6JZP7A3QYXJU2 -s 10.244.0.2/32 -m comment --comment "kube-system/kube-dns:dns" -j KUBE-MARK-MASQ`)
	if o, _ := Of(tb, ch, nil); o != (Origin{"kube-proxy", "service kube-system/kube-dns:dns"}) {
		t.Errorf("%q", o)
	}
	tb, ch, _ = read(t, "nat", `-A KUBE-SERVICES -m comment --comment "kube-system/kube-dns:dns cluster IP" -j KUBE-SVC-TCOU7JCQXEZGVUNU`)
	if o, _ := Of(tb, ch, nil); o != (Origin{"kube-proxy", ""}) {
		t.Errorf("the chain of all services: %q", o)
	}
}

func TestNativeTables(t *testing.T) {
	for _, c := range []struct {
		table, chain string
		want         Origin
	}{
		{"kube-proxy", "service-ULMVA6XW-shop/web/tcp/http", Origin{"kube-proxy", "service shop/web:http"}},
		{"kube-proxy", "endpoint-5OJB2KTY-shop/web/tcp/http__10.180.0.1/80", Origin{"kube-proxy", "service shop/web:http, endpoint 10.180.0.1:80"}},
		{"kube-proxy", "filter-input", Origin{"kube-proxy", ""}},
		{"calico", "filter-cali-tw-cali99", Origin{"calico", "to workload interface cali99"}},
		{"docker-bridges", "filter-forward-in__br-dummy", Origin{"docker", "bridge br-dummy"}},
		{"firewalld", "filter_IN_public_allow", Origin{"firewalld", "zone public"}},
		{"docker-bridges", "raw-PREROUTING", Origin{"docker", ""}},
		{"firewalld", "filter_INPUT", Origin{"firewalld", ""}},
		{"firewalld_policy_drop", "filter_input", Origin{"firewalld", ""}},
		{"libvirt_network", "guest_nat", Origin{"libvirt", ""}},
		{"f2b-table", "input", Origin{"fail2ban", ""}},
		{"netavark", "NETAVARK-FORWARD", Origin{"podman", ""}},
		{"f2b-table", "f2b-chain", Origin{"fail2ban", ""}},
		{"filter", "ts-forward", Origin{"tailscale", ""}},
		{"fw", "input", Origin{}},
	} {
		tb := &model.Table{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: c.table}
		ch := &model.Chain{Name: c.chain}
		tb.Chains = []*model.Chain{ch}
		if got, ok := Of(tb, ch, nil); got != c.want || ok != (c.want.Name != "") {
			t.Errorf("%s %s: %q %v, want %q", c.table, c.chain, got, ok, c.want)
		}
	}
}

// Programs whose chains have everyday names are told by the table as a whole.
func TestTheTableTells(t *testing.T) {
	text := "*filter\n:INPUT DROP [0:0]\n:net2fw - [0:0]\n:shorewall_Drop - [0:0]\n-A INPUT -i eth0 -j net2fw\n-A net2fw -j shorewall_Drop\nCOMMIT\n"
	rs, _, _ := ruleset.ParseFile("t", []byte(text))
	in, net := rs.Tables[0].Chains[0], rs.Tables[0].Chains[1]
	if o, _ := Of(rs.Tables[0], net, nil); o.Name != "shorewall" {
		t.Errorf("net2fw beside shorewall's own chain: %q", o)
	}
	if o, _ := Of(rs.Tables[0], in, &in.Rules[0]); o.Name != "shorewall" {
		t.Errorf("the jump to net2fw: %q", o)
	}
	rs, _, _ = ruleset.ParseFile("t", []byte(strings.ReplaceAll(text, "shorewall_Drop", "mine")))
	if o, ok := Of(rs.Tables[0], rs.Tables[0].Chains[1], nil); ok {
		t.Errorf("net2fw alone: %q", o)
	}
	rs, _, _ = ruleset.ParseFile("t", []byte("*filter\n:INPUT DROP [0:0]\n:in_lan - [0:0]\n:in_wan_ssh_s3 - [0:0]\n:in_mine - [0:0]\n-A INPUT -j in_lan\n"+
		`-A in_lan -j LOG --log-prefix "DROP UNMATCHED IN-lan:"`+"\n-A in_mine -j ACCEPT\nCOMMIT\n"))
	for i, want := range []Origin{{}, {"firehol", ""}, {"firehol", "interface wan, service ssh"}, {}} {
		if o, _ := Of(rs.Tables[0], rs.Tables[0].Chains[i], nil); o != want {
			t.Errorf("%s: %q, want %q", rs.Tables[0].Chains[i].Name, o, want)
		}
	}
}

func FuzzOf(f *testing.F) {
	f.Add("filter", "KUBE-X", "default/web -> 10.0.0.1:80", `-A KUBE-X --comment "`, "cali-tw-")
	f.Add("kube-proxy", "endpoint-A-b/c/d__", "name: id: ", "-A FORWARD -o docker0", "in__s1")
	f.Add("docker-", "in_a_s1", "ALLOW-", "-A POSTROUTING -s ! -o br-000000000000 -j MASQUERADE", "FI-")
	f.Fuzz(func(t *testing.T, table, chain, comment, text, jump string) {
		for _, b := range []model.Backend{model.BackendLegacy, model.BackendNFTables} {
			tb := &model.Table{Backend: b, Name: table}
			c := &model.Chain{Name: chain, Rules: []model.Rule{{Text: text, Comment: comment, Jump: jump}}}
			tb.Chains = []*model.Chain{c}
			o, ok := Of(tb, c, &c.Rules[0])
			if ok != (o.Name != "") || ok && !slices.Contains(Names(), o.Name) {
				t.Errorf("%q %v", o, ok)
			}
		}
	})
}
