package nettest

import (
	"slices"
	"testing"
)

func TestSeeds(t *testing.T) {
	t.Setenv("NFSCOPE_SEED", "")
	if got := Seeds(t, 3, 4); !slices.Equal(got, []uint64{3, 4}) {
		t.Errorf("without a word: %d", got)
	}
	t.Setenv("NFSCOPE_SEED", "17,18446744073709551615")
	if got := Seeds(t, 3); !slices.Equal(got, []uint64{17, 1<<64 - 1}) {
		t.Errorf("two numbers: %d", got)
	}
	t.Setenv("NFSCOPE_SEED", "random")
	if a, b := Seeds(t, 3, 4), Seeds(t, 3, 4); len(a) != 2 || slices.Equal(a, b) {
		t.Errorf("random: %d and %d", a, b)
	}
}
