package ruleset

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"nfscope/model"
)

const small = `*filter
:INPUT DROP [7:420]
:web - [0:0]
[3:180] -A INPUT -p tcp -m tcp --dport 22 -m comment --comment "<ssh>" -j ACCEPT
-A INPUT -g web
-A web -j NOSUCH
COMMIT
`

func TestWriteJSON(t *testing.T) {
	rs := load(t, small)
	rs.Generation, rs.Warnings = "g", nil
	var b bytes.Buffer
	if err := WriteJSON(&b, rs, nil); err != nil {
		t.Fatal(err)
	}
	want := `{"schema":"nfscope/ruleset/1","netns":"","generation":"g","tables":[{"backend":"iptables-legacy","family":"ip","name":"filter","chains":[` +
		`{"name":"INPUT","hook":"input","priority":0,"policy":"DROP","packets":7,"bytes":420,"rules":[` +
		`{"index":1,"handle":0,"text":"-A INPUT -p tcp -m tcp --dport 22 -m comment --comment \"<ssh>\" -j ACCEPT","target":"ACCEPT","jump":"","packets":3,"bytes":180,"comment":"<ssh>"},` +
		`{"index":2,"handle":0,"text":"-A INPUT -g web","target":"web","jump":"web","comment":"","goto":true}]},` +
		`{"name":"web","rules":[{"index":1,"handle":0,"text":"-A web -j NOSUCH","target":"NOSUCH","jump":"","comment":"","marked":"target NOSUCH is neither a chain of the table nor known"}]}]}],"warnings":[]}` + "\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
	// Newer counters replace those of the text.
	counts := rs.Counts()
	counts.Rules[1] = model.Counters{Packets: 5, Bytes: 6, Valid: true}
	b.Reset()
	if err := WriteJSON(&b, rs, counts); err != nil || !strings.Contains(b.String(), `"packets":5,"bytes":6`) {
		t.Error(err, b.String())
	}
	// Whatever is in a ruleset, it is one line of JSON.
	for _, text := range []string{listed, "", calls} {
		rs, _, _ := ParseFile("f", []byte(text))
		b.Reset()
		if err := WriteJSON(&b, rs, nil); err != nil || !json.Valid(b.Bytes()) || strings.Count(b.String(), "\n") != 1 {
			t.Errorf("%v %s", err, b.String())
		}
	}
}

func TestWriteTree(t *testing.T) {
	rs := load(t, small)
	var b strings.Builder
	if err := WriteTree(&b, rs, nil, 72); err != nil {
		t.Fatal(err)
	}
	want := `iptables-legacy ip filter
  INPUT  hook input priority 0 policy DROP  7 packets 420 bytes
    1  3 180  -p tcp -m tcp --dport 22 -m comment --comment "<ssh>" -...
    2  -   -  -g web
  web  called by 1 rule
    1  - -  -j NOSUCH
       ? target NOSUCH is neither a chain of the table nor known

warning: f:6:11: table filter: target NOSUCH is neither a chain of th...
`
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

// TestTreeOfCalls: a chain that only unreached ones call is never reached itself; a table
// says its flags, a chain its device, and no table at all is said too.
func TestTreeOfCalls(t *testing.T) {
	for text, want := range map[string]string{
		calls: "\n  loop1  never reached\n",
		"table netdev t {\n\tflags dormant\n\tchain c {\n\t\ttype filter hook ingress device \"lo\" priority 0; policy accept;\n\t}\n}\n": "netdev t  (dormant)\n  c  type filter hook ingress priority 0 (filter) device lo policy accept\n",
	} {
		var b strings.Builder
		if err := WriteTree(&b, load(t, text), nil, 0); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%v; no %q in\n%s", err, want, &b)
		}
	}
	var b strings.Builder
	if err := WriteTree(&b, &model.Ruleset{}, nil, 0); err != nil || b.String() != "no tables\n" {
		t.Errorf("%v %q", err, &b)
	}
}

// TestTerseMaps: of a verdict map whose elements were read with the rules nothing is
// lacking, or not all.
func TestTerseMaps(t *testing.T) {
	for _, more := range []bool{false, true} {
		rs, _, _ := ParseFile("f", []byte("table inet fw {\n\tmap m {\n\t\ttype mark : verdict\n\t}\n\tmap d {\n\t\ttype mark : mark\n\t}\n}\n"))
		rs.Terse = true
		PutElements(rs.Tables[0], model.VerdictMap{Name: "m", Read: 1, More: more}, []string{"0x00000001 : accept"})
		var tree strings.Builder
		if err := WriteTree(&tree, rs, nil, 0); err != nil {
			t.Fatal(err)
		}
		got := tree.String()
		if strings.Count(got, "# its elements were not read") != 1 || strings.Contains(got, "# there are more elements, which were not read") != more || !strings.Contains(got, "0x00000001 : accept") {
			t.Errorf("more: %t\n%s", more, got)
		}
	}
}

// TestTerse: who prints sets without their elements says so.
func TestTerse(t *testing.T) {
	rs, _, _ := ParseFile("f", []byte("table inet fw {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n\n\tcounter c {\n\t\tpackets 0 bytes 0\n\t}\n}\n"))
	for _, terse := range []bool{false, true} {
		rs.Terse = terse
		var tree, js strings.Builder
		if err := WriteTree(&tree, rs, nil, 0); err != nil {
			t.Fatal(err)
		}
		if err := WriteJSON(&js, rs, nil); err != nil {
			t.Fatal(err)
		}
		n := 0
		if terse {
			n = 1
		}
		if strings.Count(tree.String(), "    # its elements were not read\n") != n || strings.Contains(js.String(), `"terse":true`) != terse {
			t.Errorf("terse: %t\n%s%s", terse, tree.String(), js.String())
		}
	}
}

func TestTreeIsPrintable(t *testing.T) {
	rs := load(t, "*filter\n:a - [0:0]\n-A a -m comment --comment \"\x1b[2J\"\nCOMMIT\n")
	var b strings.Builder
	if err := WriteTree(&b, rs, nil, 0); err != nil || strings.ContainsRune(b.String(), '\x1b') {
		t.Errorf("%v %q", err, b.String())
	}
}

func TestWriteDot(t *testing.T) {
	rs := load(t, calls)
	var b strings.Builder
	if err := WriteDot(&b, rs); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"digraph ruleset {", "rankdir=LR;", "subgraph cluster_0 {", `label="iptables-legacy ip filter";`,
		`c0 [label="INPUT\ninput 0 policy ACCEPT\n2 rules", style=bold];`, `c0 -> c3 [label="2 rules"];`,
		`c1 -> c4 [label="rule 1", style=dashed];`, `c6 [label="lost\n0 rules", color=gray, fontcolor=gray];`,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s\nlacks %s", b.String(), want)
		}
	}
	if got := dotString("caf\xe9"); got != `"caf?"` { // Graphviz wants UTF-8
		t.Error(got)
	}
	if got := dotString("a\"b\\c\n"); got != `"a\"b\\c\n"` {
		t.Error(got)
	}
}
