package drops

import "testing"

// TestFilter: perf is asked for reasons to drop, whose numbers are each kernel's own.
func TestFilter(t *testing.T) {
	t.Parallel()
	const fields = "field:void * location;\toffset:16;\tsize:8;\tsigned:0;\nfield:unsigned short protocol;\toffset:32;\tsize:2;\tsigned:0;\nfield:enum skb_drop_reason reason;\toffset:36;\tsize:4;\tsigned:0;\n"
	const packets = "(protocol == 0x0800 || protocol == 0x86dd || protocol == 0x0806)"
	for names, want := range map[string]string{
		`{ 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }`: packets + " && reason >= 2", // Linux 6.4
		`{ 1, "NOT_SPECIFIED" }, { 2, "NO_SOCKET" }`: packets + " && reason >= 1",
		`{ 0, "NOT_SPECIFIED" }, { 1, "NO_SOCKET" }`: packets, // Linux 5.17
		"": packets,
	} {
		f, err := parseFormat(fields + "print fmt: \"reason: %s\", __print_symbolic(REC->reason, " + names + ")")
		if err != nil {
			t.Fatal(err)
		}
		if got := f.filter(); got != want {
			t.Errorf("of %s: %s, want %s", names, got, want)
		}
	}
}
