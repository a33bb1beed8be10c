package speech

import "nfscope/ui/component/ladder"

// LogLines is as Ladders is, of what stands above and beside lines that rules of the user's log.
type LogLines struct{ sayer }

// In gives a language's.
func (l *LogLines) In(s Speech) ladder.Say { return l.of(s, Speech.LogLine) }

// LogLine says what stands above and beside lines of logs; nil in English. The lines stay.
func (s Speech) LogLine() ladder.Say {
	if s != "zh" {
		return nil
	}
	return kept(translator(logLines()))
}

// logLines are package trace's of the pages, and package logline's, as patterns, and their Chinese.
func logLines() [][2]string {
	return [][2]string{
		{`(\S+) of (\S+) lines? of (.+)`, `@$3@：$1 行，共 $2 行`},
		{`(\S+) lines? of (.+)`, `@$2@：$1 行`},
		{`(\S+) of (\S+) lines?`, `$1 行，共 $2 行`},
		{`(\S+) lines?`, `$1 行`},
		{`(NFLOG group \d+), (.+)`, `@$1@、@$2@`},
		{`NFLOG group (\d+)`, `NFLOG 组 $1`},
		{`the kernel's log`, `内核日志`},
		{`opening`, `正在打开`},
		{`waiting for lines`, `等待日志行`},
		{`, lost (\S+)`, `，丢失 $1`},
		{`N the packets, esc ends it`, `N 看报文，esc 结束`},
		{`probably (.+)`, `大概是 @$1@`},
		{`(rule \d+ of \S+(?: \S+)?) or (rule .+|\d+ more)`, `@$1@ 或 @$2@`},
		{`(\S+) rules? that may have written it`, `可能写下它的规则有 $1 条`},
		{`and (\S+) rules? more that may have written it`, `另有 $1 条可能写下它的规则`},
		{`(\d+) more`, `另外 $1 条`},
		{`rule (\d+) of (\S+|\S+ \S+)`, `$2 的规则 $1`},
		{`: `, `：`},
	}
}
