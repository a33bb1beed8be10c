package nettest

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Seeds are the seeds of a test that leaves something to chance: those that it names, so
// that a run says the same twice. NFSCOPE_SEED puts others in their place: numbers with
// commas between them, or "random" for as many that are new in every run.
func Seeds(t testing.TB, fixed ...uint64) []uint64 {
	t.Helper()
	text := os.Getenv("NFSCOPE_SEED")
	if text == "" {
		return fixed
	}
	var seeds []uint64
	if text == "random" {
		for range fixed {
			seeds = append(seeds, rand.Uint64())
		}
	} else {
		for w := range strings.SplitSeq(text, ",") {
			n, err := strconv.ParseUint(w, 10, 64)
			if err != nil {
				t.Fatalf("NFSCOPE_SEED is %q: numbers are wanted, or random", text)
			}
			seeds = append(seeds, n)
		}
	}
	t.Logf("%s: seeds %d", t.Name(), seeds)
	return seeds
}
