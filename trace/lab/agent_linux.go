package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"nfscope/trace/netns"
)

// agentTTL bounds one order: it starts programs, which wait for the xtables lock, and on a
// busy machine take a while themselves.
const agentTTL = (lockWait + 10) * time.Second

// agent turns security groups into rules of its host, with the programs that an
// administrator would use, and hears from the cloud who joins and leaves.
type agent struct {
	host    *netns.Handle
	service Service
	life    context.Context // ended by end: an order that waits for the xtables lock is given up
	end     context.CancelFunc

	mu    sync.Mutex // one order after the other
	cloud *cloud
}

// newAgent loads the rules and sets of a service's groups.
func newAgent(ctx context.Context, h *netns.Handle, s Service) (*agent, error) {
	a := agentOf(h, s)
	if err := a.ipset(ctx, a.cloud.sets()); err != nil {
		return nil, err
	}
	return a, a.iptables(ctx, a.cloud.rules())
}

// agentOf makes an agent that has loaded nothing yet.
func agentOf(h *netns.Handle, s Service) *agent {
	life, end := context.WithCancel(context.Background())
	return &agent{host: h, service: s, life: life, end: end, cloud: newCloud(s)}
}

// Close has the agent give up what it is doing: its host goes.
func (a *agent) Close() error {
	a.end()
	return nil
}

// ipset loads lines of ipset's.
func (a *agent) ipset(ctx context.Context, lines string) error {
	path, _ := find("ipset")
	_, err := a.host.Output(ctx, []byte(lines), path, "restore")
	return err
}

// iptables loads rules in save form, beside those that it does not name.
func (a *agent) iptables(ctx context.Context, rules string, args ...string) error {
	name, _ := program(a.service.Backend, "")
	path, _ := find(name)
	_, err := a.host.Output(ctx, []byte(rules), path, append([]string{"-w", strconv.Itoa(lockWait)}, args...)...)
	return err
}

// obey carries out an order and says what it did. Of one that failed nothing is left: it may
// be given again.
func (a *agent) obey(order string) (string, error) {
	ctx, cancel := context.WithTimeout(a.life, agentTTL)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	ch, err := a.cloud.order(order)
	if err != nil || ch.set == "" {
		return ch.answers, err
	}
	if err = a.ipset(ctx, ch.set); err == nil {
		err = a.iptables(ctx, a.cloud.chain(ch.vm), "--noflush")
	}
	if err == nil {
		return ch.answers, nil
	}
	back, lost := a.cloud.order(ch.undo)
	again, cancel := context.WithTimeout(a.life, agentTTL) // the order may have used up its own time
	defer cancel()
	return "", errors.Join(err, lost, a.ipset(again, back.set))
}

// reset leads all back into the groups that the lab begins with.
func (a *agent) reset() error {
	a.mu.Lock()
	orders := a.cloud.back(a.service)
	a.mu.Unlock()
	for _, o := range orders {
		if _, err := a.obey(o); err != nil {
			return err
		}
	}
	return nil
}

// talk takes one order and answers it.
func (a *agent) talk(c net.Conn, host string) {
	_ = c.SetDeadline(time.Now().Add(2 * agentTTL))
	r := bufio.NewReaderSize(c, maxLine)
	order, err := r.ReadSlice('\n')
	if err != nil {
		return
	}
	says, err := a.obey(string(order))
	if err != nil {
		says = oneLine(err.Error())
	}
	_, _ = fmt.Fprintf(c, "%s on %s: %s\n", a.service.Name, host, says)
	_, _ = r.ReadSlice('\n')
}
