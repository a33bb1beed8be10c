package ruleset

import "nfscope/model"

// Settle puts chains of a Pipeline whose order is a guess in the order in which they were seen
// to be called; first reports whether one was, before another. What was not seen stays a guess.
func Settle(bases []Base, first func(a, b model.Called) bool) []Base {
	for from := 0; from < len(bases); {
		to := from + 1
		for to < len(bases) && bases[to].Priority == bases[from].Priority {
			to++
		}
		settle(bases[from:to], first)
		from = to
	}
	return bases
}

// settle orders chains of one priority.
func settle(same []Base, first func(a, b model.Called) bool) {
	seen := func(a, b *Base) bool {
		return Between(a, b) != "" && first(model.CalledOf(a.Table, a.Chain), model.CalledOf(b.Table, b.Chain))
	}
	for i := range same { // the next is one that none of the rest was seen before
		for k := i; k < len(same); k++ {
			free := true
			for m := i; m < len(same) && free; m++ {
				free = m == k || !seen(&same[m], &same[k])
			}
			if free {
				next := same[k]
				copy(same[i+1:k+1], same[i:k])
				same[i] = next
				break
			}
		}
	}
	for i := range same {
		same[i].Sure, same[i].Why = true, ""
	}
	for i := 1; i < len(same); i++ {
		if why := Between(&same[i-1], &same[i]); why != "" && !seen(&same[i-1], &same[i]) {
			same[i-1].Sure, same[i-1].Why = false, why
			same[i].Sure, same[i].Why = false, why
		}
	}
}

// Between says why the order of two chains of a hook cannot be told from the text, "" where it can.
func Between(a, b *Base) string {
	return doubt(makePlace(a.Table, a.Chain, 0), makePlace(b.Table, b.Chain, 0))
}
