package nflog

import (
	"encoding/binary"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// stamps holds a socket with SO_TIMESTAMPNS. As long as any socket of the host has
// it, every received packet carries one receive stamp through PREROUTING, INPUT and
// FORWARD.
type stamps struct {
	fd int
	// on tells that the stamps were seen to be there when open returned.
	on bool
}

// patience is how long openStamps waits for the kernel to begin.
const patience = time.Second

// openStamps switches the stamps on and waits until they are: the kernel does it in
// a work queue, some milliseconds later (net/core/dev.c, net_enable_timestamp). A
// packet that comes in between carries none, and NFULA_TIMESTAMP is then made anew
// for each of its events, so they would look like several packets' (skb_tstamp_cond).
func openStamps() (stamps, error) {
	s, err := lateStamps()
	if err != nil {
		return s, err
	}
	if err := s.begin(); err != nil {
		s.close()
		return stamps{fd: -1}, err
	}
	if netns.Scratch(func() error { return s.await() }) != nil {
		time.Sleep(patience / 40) // nowhere to try it: most likely they are on by then
	}
	return s, nil
}

// lateStamps opens the socket; begin switches the stamps on.
func lateStamps() (stamps, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return stamps{fd: -1}, fmt.Errorf("switch receive stamps on: %w", err)
	}
	return stamps{fd: fd}, nil
}

func (s *stamps) begin() error {
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("switch receive stamps on: %w", err)
	}
	return nil
}

// await waits until packets are stamped. The switch is the host's, so it is tried in a
// namespace of our own, where no trace and no conntrack sees the packets.
func (s *stamps) await() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return err
	}
	if err := toSelf(fd); err != nil {
		return err
	}
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if s.on = stamped(fd); s.on || time.Now().After(end) { // tried at the end too, where we were held up
			return nil
		}
	}
}

// toSelf connects a UDP socket to itself over loopback.
func toSelf(fd int) error {
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return err
	}
	self, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	return unix.Connect(fd, self)
}

// stamped sends one byte from a socket to itself and reports whether it was stamped
// when it was received, and not only now that it is read.
func stamped(fd int) bool {
	if _, err := unix.Write(fd, []byte{0}); err != nil {
		return false
	}
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 10); n != 1 || err != nil {
		return false
	}
	read := time.Now()
	var b [1]byte
	oob := make([]byte, 128)
	_, n, _, _, err := unix.Recvmsg(fd, b[:], oob, 0)
	if err != nil {
		return false
	}
	at, ok := scmStamp(oob[:n])
	return ok && at.Before(read)
}

// scmStamp finds the stamp among a message's control messages.
func scmStamp(oob []byte) (time.Time, bool) {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}, false
	}
	for _, m := range msgs {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_TIMESTAMPNS {
			continue
		}
		switch word := int(unsafe.Sizeof(uintptr(0))); { // two longs
		case word == 8 && len(m.Data) >= 16:
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), true
		case word == 4 && len(m.Data) >= 8:
			return time.Unix(int64(int32(binary.NativeEndian.Uint32(m.Data))), int64(binary.NativeEndian.Uint32(m.Data[4:]))), true
		}
	}
	return time.Time{}, false
}

func (s stamps) close() {
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
	}
}
