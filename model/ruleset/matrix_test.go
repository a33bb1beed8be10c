package ruleset

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"nfscope/model"
)

// TestMatrix: what iptables knows, what is registered and by whom, and the true order, in
// which iptables-nft's security table stands behind nat at INPUT.
func TestMatrix(t *testing.T) {
	rs := &model.Ruleset{Tables: []*model.Table{
		{Backend: model.BackendLegacy, Family: model.FamilyIPv4, Name: "filter", Chains: []*model.Chain{
			{Name: "INPUT", Hook: model.HookInput, Priority: 0, Policy: "DROP", Rules: make([]model.Rule, 2)}, {Name: "MINE", Rules: make([]model.Rule, 1)}}},
		{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "security", Chains: []*model.Chain{
			{Name: "INPUT", Hook: model.HookInput, Priority: 150, Policy: "ACCEPT"}}},
		{Backend: model.BackendIptablesNFT, Family: model.FamilyIPv4, Name: "nat", Chains: []*model.Chain{
			{Name: "INPUT", Hook: model.HookInput, Priority: 100, Type: "nat", Policy: "ACCEPT"}}},
		{Backend: model.BackendNFTables, Family: model.FamilyInet, Name: "fw", Chains: []*model.Chain{
			{Name: "in", Hook: model.HookInput, Priority: 10, Policy: "accept", Rules: make([]model.Rule, 1)}}},
	}}
	m := NewMatrix(rs, model.FamilyIPv4)
	if a, b, c, d := m.Sizes(); a != 5 || b != 17 || c != 4 || d != 4 || m.Own != 1 {
		t.Errorf("sizes %d %d %d %d, own %d", a, b, c, d, m.Own)
	}
	var out bytes.Buffer
	if err := WriteMatrix(&out, m); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"IPv4: iptables knows 5 tables with 17 chains; here 4 tables with 4 base chains registered, and 1 chain of your own.\n",
		"  table     PREROUTING  INPUT   FORWARD  OUTPUT  POSTROUTING\n",
		"  raw       (-300)      -       -        (-300)  -\n",
		"  nat       (-100)      100 I0  -        (-100)  (100)\n",
		"  filter    -           0 L2    (0)      (0)     -\n",
		"  security  -           150 I0  (50)     (50)    -\n",
		"  input        0    L  filter/INPUT    2 rules  policy DROP\n               10   N  inet fw/in      1 rule   policy accept\n               100  I  nat/INPUT       0 rules  policy ACCEPT\n               150  I  security/INPUT  0 rules  policy ACCEPT\n",
		"  forward      -\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	out.Reset()
	if err := WriteMatrixJSON(&out, "box", m); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Schema, Netns, Family string
		Chains                []struct {
			Hook, Table, Backend string
			Priority             int
			Registered           bool
			Sure                 *bool `json:"order_sure"`
		}
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	registered := 0
	for _, c := range got.Chains {
		if c.Registered {
			registered++
		}
		if c.Registered != (c.Sure != nil) {
			t.Errorf("%+v: sure %v", c, c.Sure)
		}
	}
	if got.Schema != MatrixSchema || got.Netns != "box" || got.Family != "ip" || registered != 4 || len(got.Chains) != 17+1 {
		t.Errorf("%+v", got)
	}
	if m := NewMatrix(rs, model.FamilyIPv6); m.Own != 0 || len(m.Order[1]) != 1 {
		t.Errorf("IPv6: %+v", m)
	}
}

// TestMatrixHostile: names from a file do not steer the terminal.
func TestMatrixHostile(t *testing.T) {
	rs := &model.Ruleset{Tables: []*model.Table{{Backend: model.BackendNFTables, Family: model.FamilyIPv4, Name: "a\x1b[2Jb", Chains: []*model.Chain{
		{Name: "c\nd", Hook: model.HookInput}}}}}
	var out bytes.Buffer
	if err := WriteMatrix(&out, NewMatrix(rs, model.FamilyIPv4)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b") || strings.Contains(out.String(), "c\nd") {
		t.Errorf("%q", out.String())
	}
}
