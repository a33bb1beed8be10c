package set

import (
	"encoding/json"
	"testing"
	"time"

	"nfscope/model"
)

func TestLine(t *testing.T) {
	for want, m := range map[string]Member{
		"10.0.0.1": {Text: "10.0.0.1"},
		`10.0.0.1,tcp:80 timeout 0 nomatch packets 1 bytes 2 comment "a b" skbmark 0x1 wildcard`: {Text: "10.0.0.1,tcp:80", Ends: true, NoMatch: true,
			Counters: model.Counters{Valid: true, Packets: 1, Bytes: 2}, Comment: "a b", More: "skbmark 0x1", Wildcard: true},
		"a [not understood: attribute 99]": {Text: "a", Unknown: "attribute 99"},
	} {
		if got := m.Line(IPSet); got != want {
			t.Errorf("ipset: %s\nwant:  %s", got, want)
		}
	}
	m := Member{Text: "1.2.3.4 . 80", Data: "jump WEB", Counters: model.Counters{Valid: true}, More: "limit rate 1/second",
		Timeout: 26*time.Hour + 90*time.Second, Ends: true, Left: 1500 * time.Millisecond, Comment: "c"}
	want := `1.2.3.4 . 80 counter packets 0 bytes 0 limit rate 1/second timeout 1d2h1m30s expires 1s500ms comment "c" : jump WEB`
	if got := m.Line(NFT); got != want {
		t.Errorf("nft:  %s\nwant: %s", got, want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "0s", time.Microsecond: "0s", time.Hour: "1h", 59*time.Minute + 996*time.Millisecond: "59m996ms"} {
		if got := Duration(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}

func TestKey(t *testing.T) {
	for want, k := range map[string]Key{
		"ipset blocked":       {Name: "blocked"},
		"nft inet fw blocked": {Backend: NFT, Family: model.FamilyInet, Table: "fw", Name: "blocked"},
	} {
		if k.String() != want {
			t.Errorf("%s, want %s", k, want)
		}
		b, err := json.Marshal(Set{Key: k})
		var back Set
		if err == nil {
			err = json.Unmarshal(b, &back)
		}
		if err != nil || back.Key != k {
			t.Errorf("%s comes back as %v, %v", b, back.Key, err)
		}
	}
}
