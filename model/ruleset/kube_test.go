package ruleset

import (
	"runtime"
	"testing"

	"nfscope/model"
	"nfscope/model/ruleset/rulesettest"
)

// The heap beyond the text stays small, so that a node's rules fit beside everything else.
func TestParseSaveMemory(t *testing.T) {
	text := []byte(rulesettest.KubeSaved(rulesettest.KubeServices / 10))
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	d, found := ParseSave("f", text, Options{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	rules := count(d.Tables())
	per := (int64(after.HeapAlloc) - int64(before.HeapAlloc) - int64(len(text))) / int64(rules)
	t.Logf("%d rules, %d chains, %d bytes of text: %d heap bytes a rule beyond the text", rules, len(d.Tables()[0].Chains), len(text), per)
	if per > 400 || len(found) > 0 {
		t.Errorf("%d heap bytes a rule, at most 400 are wanted; problems: %v", per, found)
	}
	if got := save(t, d.Tables(), true); got != string(text) {
		t.Error("what was printed is not what was read")
	}
	runtime.KeepAlive(text)
	runtime.KeepAlive(d)
}

func BenchmarkParseSave(b *testing.B) {
	text := []byte(rulesettest.KubeSaved(rulesettest.KubeServices))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d, _ := ParseSave("f", text, Options{})
		if n := count(d.Tables()); n < 95000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	rs, _, _ := ParseFile("f", []byte(rulesettest.KubeSaved(rulesettest.KubeServices)))
	c := rs.Tables[0].Chains[len(rs.Tables[0].Chains)-1]
	b.ReportAllocs()
	for b.Loop() {
		x := NewIndex(rs)
		if _, got := x.Chain(model.BackendLegacy, model.FamilyIPv4, "nat", c.Name); got != c || len(x.Callers(c)) != 1 {
			b.Fatal(got)
		}
	}
}
