package match_test

import (
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nlenc"
	"golang.org/x/sys/unix"
)

// addAccounts makes the objects that -m nfacct counts in (NFNL_MSG_ACCT_NEW); the
// program nfacct need not be there.
func addAccounts(names ...string) error {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, n := range names {
		const nfaccName = 1
		attrs, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: nfaccName, Data: nlenc.Bytes(n)}})
		if err != nil {
			return err
		}
		_, err = c.Execute(netlink.Message{
			Header: netlink.Header{Type: unix.NFNL_SUBSYS_ACCT << 8, Flags: netlink.Request | netlink.Acknowledge | netlink.Create},
			Data:   append([]byte{unix.AF_UNSPEC, 0, 0, 0}, attrs...),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
