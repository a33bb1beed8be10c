package live

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/trace/guard"
	"nfscope/trace/netns"
)

// killEnv names the namespace that a child of TestKilledAnywhere arms in.
const killEnv = "LIVE_TEST_ARM"

// armAndStay arms as nfscope does, says so, and waits for its end.
func armAndStay(name string) {
	err := func() error {
		ns, err := netns.Open(name)
		if err != nil {
			return err
		}
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		g, err := guard.Start(exe)
		if err != nil {
			return err
		}
		s, err := Open(ns, g, About{Name: name}, func(feed.Item) {})
		if err != nil {
			return err
		}
		if _, err := s.Rules(context.Background()); err != nil {
			return err
		}
		if err := s.Arm(context.Background(), Trace{Method: os.Getenv(killEnv + "_METHOD")}); err != nil {
			return err
		}
		_, err = os.Stdout.WriteString("ready\n")
		_, _ = os.Stdin.Read(make([]byte, 1))
		return err
	}()
	fmt.Println(err)
	os.Exit(1)
}

// floodArg is the first argument of a child that sends packets; their number and how many
// of them a second follow. It prints the rate that it reached.
const floodArg = "flood"

func floodMain() {
	err := func() error {
		if len(os.Args) != 4 {
			return fmt.Errorf("flood: expected a number and a rate")
		}
		n, err := strconv.Atoi(os.Args[2])
		if err != nil {
			return err
		}
		rate, err := strconv.ParseFloat(os.Args[3], 64)
		if err != nil {
			return err
		}
		fd, err := toServer()
		if err != nil {
			return err
		}
		reached, err := send(fd, n, rate)
		if err == nil {
			fmt.Println(reached)
		}
		return err
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// toServer gives a UDP socket to port 9 of the server behind the router.
func toServer() (fd int, err error) {
	if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{10, 2, 0, 2}})
}

// send sends n packets at a rate of so many a second, and gives the rate it reached.
func send(fd, n int, rate float64) (reached float64, err error) {
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
