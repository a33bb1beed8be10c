package speech

import "testing"

// TestSaw: how often is counted in Chinese; a number in the name of who answered stays.
func TestSaw(t *testing.T) {
	t.Parallel()
	for result, zh := range map[string]string{
		"2 answered by app 1 on web, 12 timed out": "2 次已应答，来自 app 1 on web；12 次超时",
		"answered: you are 1 of 2":                 "已应答：you are 1 of 2",
	} {
		if got := In("zh").Saw(result); got != "发送方看到："+zh {
			t.Errorf("%s is %s", result, got)
		}
	}
}
