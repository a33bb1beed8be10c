package conntrack

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"nfscope/model/feed"
	"nfscope/model/health"
)

// msgStats asks for the statistics of every CPU (IPCTNL_MSG_CT_GET_STATS_CPU,
// nfnetlink_conntrack.h).
const msgStats = unix.NFNL_SUBSYS_CTNETLINK<<8 | 4

// statistics are the attributes of a CPU's statistics (enum ctattr_stats_cpu). The library
// knows them but for the last two.
var statistics = [...]health.Kind{2: health.Found, 4: health.Invalid, 8: health.Insert, 9: health.InsertFailed, 10: health.Drop,
	11: health.EarlyDrop, 12: health.Error, 13: health.SearchRestart, 14: health.ClashResolve, 15: health.ChainTooLong}

// Health reads how conntrack itself is doing.
func (r *Reader) Health(ctx context.Context) (*health.Reading, error) {
	h := &health.Reading{Time: time.Now()}
	err := r.ns.Do(func() error {
		h.Count, h.Max, h.Buckets = sysctl("nf_conntrack_count"), sysctl("nf_conntrack_max"), sysctl("nf_conntrack_buckets")
		h.MaxExpected = sysctl("nf_conntrack_expect_max")
		h.Expected = -1
		if fi, err := os.Stat("/proc/sys/net/netfilter/nf_conntrack_max"); err == nil {
			h.Shared = fi.Mode().Perm()&0o222 == 0
		}
		return nil
	})
	if err != nil {
		return nil, r.refused("reading the statistics", err)
	}
	if h.CPUs, err = r.statistics(ctx); err != nil {
		return nil, r.refused("reading the statistics", err)
	}
	return h, nil
}

func (r *Reader) statistics(ctx context.Context) ([]health.CPU, error) {
	conn, err := r.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	list, err := conn.Execute(netlink.Message{Header: netlink.Header{Type: msgStats, Flags: dumpBits}, Data: make([]byte, 4)})
	if err != nil {
		return nil, err
	}
	out := make([]health.CPU, 0, len(list))
	for _, m := range list {
		c, err := decodeStats(m.Data)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// decodeStats reads the statistics of one CPU. What is new in the kernel is passed over.
func decodeStats(b []byte) (c health.CPU, err error) {
	if len(b) < 4 { // struct nfgenmsg; its res_id is the CPU
		return c, fmt.Errorf("conntrack: statistics cut short: %d bytes", len(b))
	}
	c.ID = binary.BigEndian.Uint16(b[2:])
	ad, err := netlink.NewAttributeDecoder(b[4:])
	if err != nil {
		return c, fmt.Errorf("conntrack: statistics: %w", err)
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		t := int(ad.Type())
		if t >= len(statistics) || statistics[t] == health.Found && t != 2 || len(ad.Bytes()) != 4 {
			continue
		}
		k := statistics[t]
		c.Counts[k] = ad.Uint32()
		c.Has |= 1 << k
	}
	if err := ad.Err(); err != nil {
		return c, fmt.Errorf("conntrack: statistics: %w", err)
	}
	return c, nil
}

// WatchHealth emits how conntrack is doing, at once and then every so often, until the
// context ends (nil), the Reader is closed (os.ErrClosed) or the kernel refuses.
func (r *Reader) WatchHealth(ctx context.Context, every time.Duration, emit func(feed.Item)) error {
	ctx, stop := r.running(ctx)
	defer stop()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		h, err := r.Health(ctx)
		if err != nil {
			return r.ended(ctx, err)
		}
		emit(feed.Item{Time: h.Time, Health: h})
		select {
		case <-ctx.Done():
			return r.ended(ctx, ctx.Err())
		case <-tick.C:
		}
	}
}
