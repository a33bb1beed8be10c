package nflog

// sequence finds what is missing among the messages of a group. The kernel numbers
// them (NFULA_SEQ), so a hole stands exactly where messages are lost; what is lost
// after the last message only the socket's drop counter tells. Each lost message is
// told once, by whichever sees it first.
type sequence struct {
	next uint64
	// told is what was reported as lost in all; ahead is the part of it that the
	// counter told and no hole has shown yet.
	told, ahead uint64
}

// arrived takes the number of a message and gives its 64 bit number and how many
// messages before it are lost and not yet told.
func (s *sequence) arrived(seq uint32) (full, lost uint64) {
	hole := uint64(seq - uint32(s.next)) // the kernel begins with 0
	full = s.next + hole
	s.next = full + 1
	known := min(hole, s.ahead)
	s.ahead -= known
	s.told += hole - known
	return full, hole - known
}

// counted takes the number of all messages lost so far, read while none waits in
// the socket, and gives how many of them are not yet told.
func (s *sequence) counted(all uint64) (lost uint64) {
	if all <= s.told {
		return 0
	}
	lost = all - s.told
	s.told, s.ahead = all, s.ahead+lost
	return lost
}
