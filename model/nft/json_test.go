package nft_test

import (
	"strconv"
	"strings"
	"testing"

	"nfscope/model"
	"nfscope/model/jsontree"
	"nfscope/model/nft"
)

func tree(t *testing.T, text string) *jsontree.Value {
	t.Helper()
	l, err := jsontree.Parse(text)
	if err != nil || len(l) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	return &l[0]
}

// The forms of libnftables-json(5) that nft 1.0.6 or this kernel do not have.
func TestParseJSON(t *testing.T) {
	for text, want := range map[string]string{
		`[{"last":null},{"last":{"used":61000}}]`:                         `last last used 1m1s`,
		`[{"queue":{"num":{"range":[1,3]},"flags":["bypass","fanout"]}}]`: `queue flags bypass,fanout to 1-3`,
		`[{"queue":null}]`: `queue`,
		`[{"queue":{"num":{"map":{"key":{"meta":{"key":"oifname"}},"data":{"set":[["eth0",0]]}}}}}]`: `queue to oifname map { "eth0" : 0 }`,
		`[{"queue":{"num":{"symhash":{"mod":2,"offset":3}}}}]`:                                       `queue to symhash mod 2 offset 3`,
		`[{"flow":{"op":"add","flowtable":"@ft"}}]`:                                                  `flow add @ft`,
		`[{"ct helper":"ftp"},{"ct timeout":"long"}]`:                                                `ct helper set "ftp" ct timeout set "long"`,
		`[{"secmark":"ssh"}]`: `meta secmark set "ssh"`,
		`[{"tunnel":"x"}]`:    `tunnel name "x"`,
		`[{"match":{"op":"==","left":{"payload":{"tunnel":"vxlan","protocol":"ip","field":"saddr"}},"right":"10.0.0.1"}}]`: `vxlan ip saddr 10.0.0.1`,
		`[{"match":{"op":"==","left":{"dccp option":{"type":5}},"right":true}}]`:                                           `dccp option 5 exists`,
		`[{"match":{"op":"==","left":{"fib":{"result":"check","flags":"daddr"}},"right":true}}]`:                           `fib daddr check exists`,
		`[{"match":{"op":"==","left":{"|":[{"meta":{"key":"mark"}},1,2]},"right":3}}]`:                                     `meta mark | 0x00000001 | 0x00000002 == 0x00000003`,
		`[{"map":{"op":"add","elem":{"payload":{"protocol":"ip","field":"saddr"}},"data":5,"map":"@m"}}]`:                  `add @m { ip saddr : 5 }`,
		`[{"match":{"op":"==","left":{"socket":{"key":"cgroupv2","level":1}},"right":"system.slice"}}]`:                    `socket cgroupv2 level 1 "system.slice"`,
		`["jump {\n\t\tip saddr { 10.0.0.1,\n\t10.0.0.2 } accept\n\t\tdrop\n\t}"]`:                                         `jump { ip saddr { 10.0.0.1, 10.0.0.2 } accept; drop; }`,
		`[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":"ssh"}}]`:                      `tcp dport ssh`,
		`[{"limit":{"rate":5,"per":"second"}},{"counter":null},{"masquerade":null},{"accept":null}]`:                       `limit rate 5/second counter masquerade accept`,
		`{"drop":null}`: `drop`,
	} {
		r, notes := nft.ParseJSON(tree(t, text), "", model.FamilyInet)
		if got := r.String(); got != want || len(notes) > 0 {
			t.Errorf("%s: %s %v, want %s", text, got, notes, want)
		}
		if again := nft.Parse(want, model.FamilyInet).Canonical(); again != want {
			t.Errorf("%s is read as %s", want, again)
		}
	}
}

// What is not known stays, as JSON, in its place, and its place is named.
func TestParseJSONUnknown(t *testing.T) {
	for text, want := range map[string]string{
		`[{"counter":null},{"teleport":{"to":"moon"}},{"accept":null}]`:   `counter {"teleport":{"to":"moon"}} accept @18: {"teleport":{"to":"moon"}}: the statement "teleport" is not known`,
		`[{"accept":null,"drop":null}]`:                                   `{"accept":null,"drop":null} @1: {"accept":null,"drop":null}: expected an object with one member, the statement`,
		`[{"match":{"op":"~","left":1,"right":2}}]`:                       `{"match":{"op":"~","left":1,"right":2}} @16: {"match":{"op":"~","left":1,"right":2}}: the operator "~" is not known`,
		`[{"log":{"prefix":"x","colour":"red"}}]`:                         `{"log":{"prefix":"x","colour":"red"}} @31: {"log":{"prefix":"x","colour":"red"}}: the member "colour" is not known here`,
		`[{"jump":{"target":"a b"}}]`:                                     `{"jump":{"target":"a b"}} @19: {"jump":{"target":"a b"}}: expected the chain's name`,
		`[{"counter":"a\"; drop"}]`:                                       `{"counter":"a\"; drop"} @12: {"counter":"a\"; drop"}: expected a value`,
		`[{"match":{"op":"==","left":{"meta":{"key":"new"}},"right":1}}]`: `{"match":{"op":"==","left":{"meta":{"key":"new"}},"right":1}} @28: {"match":{"op":"==","left":{"meta":{"...: "meta new" is no expression that is known`,
		`[5]`: `5 @1: 5: expected an object with one member, the statement`,
	} {
		r, notes := nft.ParseJSON(tree(t, text), "", model.FamilyInet)
		got := r.String()
		for _, n := range notes {
			got += " @" + strconv.Itoa(n.At) + ": " + n.Msg
		}
		if got != want {
			t.Errorf("%s:\n%s, want\n%s", text, got, want)
		}
		if len(r.Unknown) != 1 {
			t.Errorf("%s: %d unknown", text, len(r.Unknown))
		}
	}
}

func TestBlockJSON(t *testing.T) {
	for _, tt := range []struct{ kind, json, want string }{
		{"ct helper", `{"name":"ftp","table":"t","family":"ip","handle":4,"type":"ftp","protocol":"tcp","l3proto":"ip"}`,
			"ct helper ftp { # handle 4\n\ttype \"ftp\" protocol tcp\n\tl3proto ip\n}"},
		{"ct timeout", `{"name":"t","protocol":"tcp","l3proto":"ip","policy":{"established":100,"close":5}}`,
			"ct timeout t {\n\tprotocol tcp\n\tl3proto ip\n\tpolicy = { established : 1m40s, close : 5s }\n}"},
		{"flowtable", `{"name":"ft","hook":"ingress","prio":0,"dev":["eth0","eth1"],"flags":"offload"}`,
			"flowtable ft {\n\thook ingress priority 0\n\tdevices = { eth0, eth1 }\n\tflags offload\n}"},
		{"secmark", `{"name":"s","context":"system_u:object_r:x:s0"}`, "secmark s {\n\t\"system_u:object_r:x:s0\"\n}"},
		{"set", `{"name":"s","type":{"typeof":{"concat":[{"payload":{"protocol":"ip","field":"saddr"}},{"meta":{"key":"mark"}}]}},"elem":[{"concat":["10.0.0.1",5]}]}`,
			"set s {\n\ttypeof ip saddr . meta mark\n\telements = { 10.0.0.1 . 0x00000005 }\n}"},
		{"counter", `{"name":"c"}`, "counter c {\n}"},
		{"set", `{"name":"s","type":"ipv4_addr","auto-merge":true,"colour":"red","elem":["10.0.0.1",{"odd":1}]}`,
			"set s {\n\ttype ipv4_addr\n\tauto-merge\n\telements = { 10.0.0.1, {\"odd\":1} }\n\tjson colour \"red\"\n} " +
				"an element of s: the expression \"odd\" is not known; colour of s: the member is not known here"},
	} {
		got, notes := nft.BlockJSON(tt.kind, tree(t, tt.json), model.FamilyIPv4)
		var said []string
		for _, n := range notes {
			said = append(said, n.Msg)
		}
		if len(said) > 0 {
			got += " " + strings.Join(said, "; ")
		}
		if got != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.json, got, tt.want)
		}
		if b := nft.ParseSet(got, model.FamilyIPv4); len(notes) == 0 && len(b.Unknown) > 0 {
			t.Errorf("%s: %v", got, b.Unknown)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	f.Add(`[{"match":{"op":"==","left":{"&":[{"payload":{"protocol":"tcp","field":"flags"}},["fin","syn"]]},"right":["fin","syn"]}},{"accept":null}]`)
	f.Add(`[{"set":{"op":"add","elem":{"elem":{"val":{"payload":{"protocol":"ip","field":"saddr"}},"timeout":60}},"set":"@seen","stmt":[{"limit":{"rate":1,"per":"day"}}]}}]`)
	f.Add(`[{"vmap":{"key":{"concat":[{"meta":{"key":"iifname"}},{"ct":{"key":"mark"}}]},"data":{"set":[[{"concat":["lo",22]},{"jump":{"target":"x"}}]]}}}]`)
	f.Add(`{"name":"s","type":["ipv4_addr","mark"],"elem":[{"elem":{"val":{"range":[1,2]},"expires":5,"comment":"x"}}],"stmt":[{"counter":null}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		l, _ := jsontree.Parse(text)
		for i := range l {
			r, notes := nft.ParseJSON(&l[i], "", model.FamilyInet)
			if len(notes) < len(r.Unknown) {
				t.Fatalf("%d notes of %d unknown", len(notes), len(r.Unknown))
			}
			for _, n := range notes {
				if n.At < 0 || n.At > len(text) {
					t.Fatal(n.At)
				}
			}
			if strings.Contains(r.String(), "\n") {
				t.Fatalf("a rule of two lines: %q", r.String())
			}
			for _, kind := range []string{"set", "map", "quota", "limit", "flowtable", "ct timeout"} {
				nft.BlockJSON(kind, &l[i], model.FamilyInet)
			}
		}
	})
}
