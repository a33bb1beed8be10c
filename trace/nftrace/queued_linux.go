package nftrace

// Queued is the memory, in bytes, that messages take that wait in the socket. It may be
// called while Run works; a Reader whose Run is over keeps what came since.
func (r *Reader) Queued() (uint32, error) {
	s, err := r.sock.State()
	return s.Queued, err
}
