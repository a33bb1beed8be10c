package ruleset

import (
	"fmt"
	"strings"
	"testing"

	"nfscope/model"
)

const commands = `{"nftables":[
 {"flush":{"ruleset":null}},
 {"add":{"table":{"family":"inet","name":"t"}}},
 {"add":{"chain":{"family":"inet","table":"t","name":"in","type":"filter","hook":"input","prio":-5,"policy":"drop"}}},
 {"add":{"chain":{"family":"inet","table":"t","name":"web"}}},
 {"add":{"chain":{"family":"inet","table":"t","name":"gone"}}},
 {"add":{"set":{"family":"inet","table":"t","name":"s","type":["ipv4_addr","inet_service"],"flags":["interval"]}}},
 {"add":{"map":{"family":"inet","table":"t","name":"m","type":"ipv4_addr","map":"verdict"}}},
 {"add":{"counter":{"family":"inet","table":"t","name":"c"}}},
 {"add":{"element":{"family":"inet","table":"t","name":"s","elem":[{"concat":["10.0.0.1",80]},{"concat":[{"prefix":{"addr":"10.1.0.0","len":16}},{"range":[1,9]}]}]}}},
 {"add":{"element":{"family":"inet","table":"t","name":"m","elem":[["10.0.0.1",{"jump":{"target":"web"}}]]}}},
 {"add":{"rule":{"family":"inet","table":"t","chain":"in","expr":[{"counter":null},{"accept":null}],"comment":"first"}}},
 {"add":{"rule":{"family":"inet","table":"t","chain":"in","expr":[{"drop":null}]}}},
 {"insert":{"rule":{"family":"inet","table":"t","chain":"in","expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":22}},{"accept":null}]}}},
 {"add":{"rule":{"family":"inet","table":"t","chain":"in","index":0,"expr":[{"match":{"op":"==","left":{"payload":{"protocol":"tcp","field":"dport"}},"right":{"set":[80,443]}}},{"jump":{"target":"web"}}]}}},
 {"insert":{"rule":{"family":"inet","table":"t","chain":"in","index":1,"expr":[{"vmap":{"key":{"payload":{"protocol":"ip","field":"saddr"}},"data":"@m"}}]}}},
 {"delete":{"chain":{"family":"inet","table":"t","name":"gone"}}}
]}
`

// shown prints tables for comparison, sets without their handles and line ends.
func shown(tables []*model.Table) string {
	var b strings.Builder
	for _, t := range tables {
		fmt.Fprintf(&b, "table %s %s %q\n", t.Family, t.Name, t.Flags)
		for _, e := range t.Extra {
			e = strings.Join(strings.Fields(handles().ReplaceAllString(e, "")), " ")
			fmt.Fprintf(&b, " %s\n", strings.Replace(e, " { packets 0 bytes 0 }", " { }", 1))
		}
		for _, c := range t.Chains {
			fmt.Fprintf(&b, " chain %s %s %s %d %s %q\n", c.Name, c.Type, c.Hook, c.Priority, c.Policy, c.Extra)
			for _, r := range c.Rules {
				fmt.Fprintf(&b, "  %d %s > %s %v %q %s\n", r.Index, r.Text, r.Jump, r.Goto, r.Comment, r.Marked)
			}
		}
	}
	return b.String()
}

func TestNFTJSONProblems(t *testing.T) {
	for text, want := range map[string]string{
		`{"nftables":[{"table":{"family":"ip","name":"t"}},` + "\n" + `{"chain":{"family":"ip","table":"t","name":"c"}},{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"acc`: "f:2:110: unexpected end of JSON input",
		`{"nftables":[{"warp":{"table":"t","family":"ip"}}]}`:                                                                  `f:1:22: "warp" is not understood`,
		`{"nftables":[{"table":{"family":"ipx","name":"t"}}]}`:                                                                 `f:1:33: `,
		`{"nftables":[{"chain":{"family":"ip","table":"t","name":"c","hook":"side"}}]}`:                                        `f:1:68: hook "side" is not known`,
		`{"nftables":[{"chain":{"family":"ip","table":"t","name":"c","hook":"input","prio":"x"}}]}`:                            `f:1:83: priority "x" is not known`,
		`{"nftables":[{"rule":{"family":"ip","table":"t","chain":"c","expr":[{"fly":null}]}}]}`:                                `f:1:69: {"fly":null}: the statement "fly" is not known; it is kept as text`,
		`{"nftables":[{"delete":{"rule":{"family":"ip","table":"t","chain":"c","handle":4}}}]}`:                                `f:1:32: delete rule: there is no table ip t here`,
		`{"nftables":[{"rule":{"table":"t","chain":"c","expr":[]}},{"delete":{"rule":{"table":"t","chain":"c","handle":4}}}]}`: `f:1:77: delete rule {"table":"t","chain":"c","handle":4}: not done`,
		`{"nftables":[{"add":{"rule":{"table":"t","chain":"c","index":7,"expr":[]}}}]}`:                                        `f:1:29: index 7 in a chain of 0 rules`,
		`{"nftables":[{"add":{"element":{"table":"t","name":"s","elem":[1]}}}]}`:                                               `f:1:32: elements for set s, which table t does not have here`,
		`{"nftables":[{"metainfo":{"json_schema_version":9}}]}`:                                                                `f:1:49: schema version 9`,
		`{"nftables":{"a":1}}`: `f:1:13: expected a list`,
		`{"nftables":[5]}`:     `f:1:14: 5 is not understood`,
	} {
		rs, _, found := ParseFile("f", []byte(text))
		if len(found) == 0 || !strings.HasPrefix(found[0].Error(), want) {
			t.Errorf("%s:\n%v, want\n%s", text, found, want)
		}
		if len(rs.Warnings) != len(found) {
			t.Error(rs.Warnings)
		}
	}
	if _, _, found := ParseFile("f", []byte(`{"nftables": [{"metainfo": {"version": "1.0.6"}}]}`)); len(found) != 0 {
		t.Errorf("an empty ruleset is refused: %v", found)
	}
	rs, _, _ := ParseFile("f", []byte(`{"nftables":[{"rule":{"table":"t","chain":"c","expr":[{"counter":{"packets":3,"bytes":4}},{"fly":[1]},{"jump":{"target":"c"}}]}}]}`))
	if got, want := shown(rs.Tables), `table ip t ""
 chain c   0  []
  1 counter {"fly":[1]} jump c > c false "" {"fly":[1]}: the statement "fly" is not known
`; got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	if n := rs.Tables[0].Chains[0].Rules[0].Counters; n != (model.Counters{Packets: 3, Bytes: 4, Valid: true}) {
		t.Error(n)
	}
}

func FuzzParseNFTJSON(f *testing.F) {
	for line := range strings.Lines(commands) {
		f.Add(`{"nftables":[` + strings.TrimSuffix(strings.TrimSpace(line), ",") + `]}`)
	}
	f.Add(`{"nftables":[{"rule":{"table":"t","chain":"c","expr":[{"counter":{"packets":3,"bytes":4}},{"fly":[1]}],"handle":3}},{"replace":{"rule":{"table":"t","chain":"c","handle":3}}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		tables, found := ParseNFTJSON("f", []byte(text))
		rs := &model.Ruleset{Tables: tables}
		rs.Number()
		NewGraph(rs).Loops()
		for _, p := range found {
			if p.Line < 0 || p.Line > 0 && p.Col < 1 || p.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%+v", p)
			}
		}
	})
}
