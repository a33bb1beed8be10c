package kmsg

import "testing"

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		in   string
		want Record
	}{
		{"4,1234,5678901,-;in: IN=eth0 OUT=\n", Record{4, 0, 1234, "in: IN=eth0 OUT="}},
		{"6,0,0,-,caller=T1;a;b\n SUBSYSTEM=net\n DEVICE=n2\n", Record{6, 0, 0, "a;b"}},
		{`12,7,1,-;\x1b[31m\x5c \xe4\xbd\xa0 \xzz \x1`, Record{4, 1, 7, "\x1b[31m\\ 你 \\xzz \\x1"}},
	} {
		if got, err := Decode([]byte(c.in)); err != nil || got != c.want {
			t.Errorf("%q is %+v, %v", c.in, got, err)
		}
	}
	for _, s := range []string{"", "4,1", "4,1,2", "x,1,2,-;m", "4,-1,2,-;m", "99999999,1,2,-;m"} {
		if got, err := Decode([]byte(s)); err == nil {
			t.Errorf("%q is %+v", s, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("4,1234,5678901,-;in: IN=eth0 OUT=\\x1b\n KEY=1\n"))
	f.Add([]byte(",,,;"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err == nil && (r.Level < 0 || r.Level > 7 || len(r.Text) > len(b)) {
			t.Errorf("%q is %+v", b, r)
		}
	})
}
