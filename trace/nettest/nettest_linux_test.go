package nettest

import (
	"testing"
)

func TestRouted(t *testing.T) {
	t.Parallel()
	n := NewRouted(t)
	Echo(t, n.Server, 7)
	for _, to := range []string{"10.2.0.2:7", "[fd02::2]:7"} {
		c, err := Dial(t, n.Client, "tcp", "", to, InVain)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		if _, err := c.Read(b); err != nil || string(b) != "hello" {
			t.Fatalf("%s: %q, %v", to, b, err)
		}
	}
}
