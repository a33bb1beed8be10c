package rules

import (
	"math/rand/v2"
	"slices"
	"testing"

	"nfscope/model/set"
	"nfscope/ui/theme"
)

// TestWandering goes anywhere in sets of any size, that grow and shrink meanwhile and
// whose count is known or not: the member under the cursor is always the one of its
// place, what is kept is bounded, and the questions end.
func TestWandering(t *testing.T) {
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		k := newKernel(rnd.IntN(60_000))
		key := []set.Key{blocked, drops}[seed%2]
		f := setFrame(theme.Options{}, 100, 10+rnd.IntN(40))
		p := live(t, f, k)
		p.goToSet(key)
		answer(t, p, f)
		for range 60 {
			m := p.sets.open
			switch rnd.IntN(6) {
			case 0:
				do(t, p, f, "G")
			case 1:
				do(t, p, f, "g")
			case 2:
				m.cursor.Move(rnd.IntN(20_000)-10_000, m.at)
			case 3:
				do(t, p, f, "c")
			case 4:
				k.sizes[key] = max(0, k.sizes[key]+rnd.IntN(3000)-1500)
				k.sets[0].Count = uint64(k.sizes[drops])
				f.Now = f.Now.Add(listEvery)
			default:
				do(t, p, f, "pgdown")
			}
			answer(t, p, f)
			if len(m.pages) > pagesKept+3 {
				t.Fatalf("seed %d: %d pages are kept", seed, len(m.pages))
			}
			i := m.cursor.Index()
			got, ok := m.member(i)
			want, _ := k.Members(t.Context(), set.Set{Key: key}, i, 1)
			if ok != (len(want.Members) == 1) && i < m.rows()-1 || ok && len(want.Members) == 1 && got.Text != want.Members[0].Text {
				t.Fatalf("seed %d: place %d of %d (%d rows) shows %q, %t; want %v", seed, i, k.sizes[key], m.rows(), got.Text, ok, want.Members)
			}
		}
	}
}

// TestNeighboursComeAlong: far down a set one reading brings the pages around.
func TestNeighboursComeAlong(t *testing.T) {
	k := newKernel(1_000_000)
	f := setFrame(theme.Options{}, 100, 40)
	p := live(t, f, k)
	p.goToSet(drops)
	answer(t, p, f)
	m := p.sets.open
	m.cursor.Move(500_250, m.at)
	answer(t, p, f)
	n := len(k.asked)
	if k.asked[n-1] != "drops from 499500" {
		t.Errorf("asked: %q", k.asked)
	}
	for range 10 {
		do(t, p, f, "pgup")
		answer(t, p, f)
	}
	if !slices.Equal(k.asked[n:], nil) {
		t.Errorf("above: %q", k.asked[n:])
	}
}
