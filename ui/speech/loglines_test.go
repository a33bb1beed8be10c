package speech

import "testing"

// TestLogLines: what stands above and beside lines of logs.
func TestLogLines(t *testing.T) {
	t.Parallel()
	say := In("zh").LogLine()
	for en, zh := range map[string]string{
		"13 lines of NFLOG group 7":                        "NFLOG 组 7：13 行",
		"3 of 13 lines of NFLOG group 7, the kernel's log": "NFLOG 组 7、内核日志：3 行，共 13 行",
		"1 line":                        "1 行",
		"probably rule 3 of inet fw/in": "大概是 inet fw/in 的规则 3",
		"rule 1 of filter/INPUT or rule 2 of filter/FORWARD or 3 more": "filter/INPUT 的规则 1 或 filter/FORWARD 的规则 2 或 另外 3 条",
		"and 4 rules more that may have written it":                    "另有 4 条可能写下它的规则",
		"opening": "正在打开", "waiting for lines": "等待日志行", ", lost 3": "，丢失 3", "N the packets, esc ends it": "N 看报文，esc 结束",
		"5 rules that may have written it": "可能写下它的规则有 5 条",
	} {
		if got := say(en); got != zh {
			t.Errorf("%q is %q, want %q", en, got, zh)
		}
	}
	if In("en").LogLine() != nil {
		t.Error("English is put into English")
	}
}
