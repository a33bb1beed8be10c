package logs

import (
	"reflect"
	"testing"
	"time"

	"nfscope/model"
	"nfscope/model/logline"
	"nfscope/trace/nflog"
)

// TestFromGroup: a line has what its message has, each in its place.
func TestFromGroup(t *testing.T) {
	t.Parallel()
	uid, gid, at := uint32(7), uint32(8), time.Unix(9, 0)
	m := nflog.Message{Time: at, Prefix: "p", Family: model.FamilyIPv4, Hook: model.HookForward, Packet: &model.Packet{TTL: 3},
		In: "br0", Out: "br1", PhysIn: "v0", PhysOut: "v1", Mark: 5, UID: &uid, GID: &gid}
	want := logline.Line{Source: logline.NFLOG, Time: at, Group: 6, Prefix: "p", Family: model.FamilyIPv4, Hook: model.HookForward, Packet: m.Packet,
		In: "br0", Out: "br1", PhysIn: "v0", PhysOut: "v1", Mark: 5, UID: &uid, GID: &gid}
	if got := fromGroup(6, &m); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}
