package lab

import "testing"

func TestDNS(t *testing.T) {
	records := map[string]string{"shop.example": "192.0.2.7"}
	for ask, want := range map[string]string{
		"shop.example":  "shop.example is 192.0.2.7",
		"SHOP.example.": "SHOP.example is 192.0.2.7",
		"nobody":        "nobody: there is no such name (code 3)",
	} {
		q, err := dnsQuery(77, ask)
		if err != nil {
			t.Fatal(err)
		}
		a := answerDNS(q, records)
		if says, ok := readDNS(a, 77); !ok || says != want {
			t.Errorf("%s: %q, %v", ask, says, ok)
		}
		if _, ok := readDNS(a, 78); ok {
			t.Error("the answer to another question is taken")
		}
		if answerDNS(a, records) != nil {
			t.Error("an answer is answered")
		}
		q[len(q)-3] = 28 // AAAA
		if says, ok := readDNS(answerDNS(q, records), 77); ok && ask == "shop.example" && says != "shop.example has no address" {
			t.Errorf("AAAA: %q", says)
		}
	}
	for _, name := range []string{"", "a..b", "." + string(make([]byte, 64)), string(make([]byte, 300))} {
		if _, err := dnsQuery(1, name); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
}

func FuzzDNS(f *testing.F) {
	q, _ := dnsQuery(7, "shop.example")
	records := map[string]string{"shop.example": "192.0.2.7"}
	f.Add(q)
	f.Add(answerDNS(q, records))
	f.Fuzz(func(t *testing.T, b []byte) {
		readDNS(b, 7)
		if a := answerDNS(b, records); a != nil {
			if _, ok := readDNS(a, uint16(a[0])<<8|uint16(a[1])); !ok {
				t.Errorf("%x is answered by %x, which nobody can read", b, a)
			}
		}
	})
}
