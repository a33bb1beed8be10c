package nflog

import "time"

// Queued is the memory, in bytes, that messages take that wait in the socket. It may be
// called while Run works; a Reader whose Run is over keeps what came since.
func (r *Reader) Queued() (uint32, error) {
	s, err := r.sock.State()
	return s.Queued, err
}

// Heard is the time before which the kernel sent nothing that was not handed over: now,
// unless messages wait in the socket or are being read. It may be called while Run works.
func (r *Reader) Heard() time.Time { return r.sock.Heard() }

// Attach makes a program, by its descriptor, the socket's filter: it is asked for each message
// where that is sent, so in the middle of the packet's way.
func (r *Reader) Attach(program int) error { return r.sock.Attach(program) }
