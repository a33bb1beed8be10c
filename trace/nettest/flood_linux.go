package nettest

import (
	"time"

	"golang.org/x/sys/unix"
)

// ToServer gives a UDP socket of the calling thread's namespace to port 9 of a Routed
// network's server. Who calls it in a child closes it by ending.
func ToServer() (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}})
}

// Flood sends n packets at a rate of so many a second, and gives the rate it reached.
func Flood(fd, n int, rate float64) (reached float64, err error) {
	start, payload := time.Now(), []byte("nfscope!")
	for sent := 0; sent < n; {
		due := min(n, int(time.Since(start).Seconds()*rate)+1)
		if sent >= due {
			_ = unix.Nanosleep(&unix.Timespec{Nsec: 200_000}, nil)
			continue
		}
		for ; sent < due; sent++ {
			if _, err := unix.Write(fd, payload); err != nil && err != unix.ENOBUFS && err != unix.ECONNREFUSED {
				return 0, err
			}
		}
	}
	return float64(n) / time.Since(start).Seconds(), nil
}
