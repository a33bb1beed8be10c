package arm

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"nfscope/trace/netns"
)

// wake has nf_tables tell of packets that -j TRACE traces. It looks for the trace's bit only
// while the host has a rule of nf_tables that can set it (nft_trace_enabled,
// net/netfilter/nft_meta.c), in whichever namespace. Ours is in a chain that nothing calls, in a
// namespace that nobody sees and that goes with our socket, kill -9 included.
func wake() (conn *nftables.Conn, err error) {
	err = netns.Scratch(func() error {
		if conn, err = nftables.New(nftables.AsLasting()); err != nil {
			return err
		}
		table := conn.AddTable(&nftables.Table{Name: Prefix + "wake", Family: nftables.TableFamilyINet})
		chain := conn.AddChain(&nftables.Chain{Name: "none", Table: table})
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Immediate{Register: 1, Data: []byte{1}},
			&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
		}})
		return conn.Flush()
	})
	if err != nil && conn != nil {
		_ = conn.CloseLasting()
		conn = nil
	}
	return conn, err
}
