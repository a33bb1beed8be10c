package conntrack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/trace/netns"
)

// ReadAround reads the addresses and routes of a namespace. What could not be read is
// missing, and in the error.
func ReadAround(ns *netns.Handle) (a Around, err error) {
	local, lerr := LocalAddrs(ns)
	routes, rerr := Routes(ns)
	return Around{local, routes}, errors.Join(lerr, rerr)
}

// aroundGroups are rtnetlink's groups of links, and of addresses, routes and rules of both
// families (include/uapi/linux/rtnetlink.h).
const aroundGroups = unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV4_ROUTE | unix.RTMGRP_IPV4_RULE |
	unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV6_ROUTE | 1<<(unix.RTNLGRP_IPV6_RULE-1)

// settle is how long nothing must change before all is read anew: changes come many
// together. unsettled bounds that.
const (
	settle    = 30 * time.Millisecond
	unsettled = time.Second
)

// FollowAround tells what is around the connections whenever it is another than before,
// until the context ends (nil) or the kernel refuses. was is what is known already. A
// router of the Internet changes routes all the time: a reading is followed by a rest of
// twenty times what it took.
func FollowAround(ctx context.Context, ns *netns.Handle, was Around, tell func(Around)) error {
	fail := func(err error) error {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("follow the addresses and routes of namespace %q: %w", ns.Name(), err)
	}
	conn, err := netns.In(ns, func() (*netlink.Conn, error) {
		return netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{Groups: aroundGroups})
	})
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := conn.SyscallConn()
	if err != nil {
		return fail(err)
	}
	buf := make([]byte, datagram)
	// hear waits for a change until a moment.
	hear := func(until time.Time) error {
		if err := conn.SetReadDeadline(until); err != nil {
			return err
		}
		if ctx.Err() != nil { // its deadline may have come before ours
			return ctx.Err()
		}
		if _, err := receive(raw, buf); err != nil && !errors.Is(err, unix.ENOBUFS) { // what was lost is a change too
			return err
		}
		return nil
	}
	for {
		reading := begin()
		now, err := ReadAround(ns)
		if err == nil && !now.same(&was) { // else the next change comes with another try
			was = now
			tell(now)
		}
		rested := time.Now().Add(apart * reading.took())
		if err := hear(time.Time{}); err != nil {
			return fail(err)
		}
		for last := time.Now().Add(unsettled); time.Now().Before(last); {
			if err := hear(time.Now().Add(settle)); errors.Is(err, os.ErrDeadlineExceeded) {
				break
			} else if err != nil {
				return fail(err)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Until(rested)):
		}
	}
}
