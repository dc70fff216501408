package compile

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/picloud/picloud/plugins/rhai/vm"
)

// TestLocals opens and leaves blocks at random, and declares variables of few names in them. What a
// name means is the same as in a plain list: at that place, and later when the place is asked at
// run time.
func TestLocals(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 2))
		outer := vm.NewScopes(nil)
		outer.Declare("outside", vm.ScopeVar{Register: 999})
		s := locals{scopes: vm.NewScopes(outer.Now())}
		names := []string{"outside"}
		for i := range 1 + r.IntN(40) {
			names = append(names, "v"+strconv.Itoa(i))
		}
		type snapshot struct {
			scope *vm.Scope
			means map[string]int
		}
		var snapshots []snapshot
		var blocks []int // how many variables there were when each was opened
		for register := range 300 {
			switch r.IntN(6) {
			case 0:
				blocks = append(blocks, len(s.list))
			case 1:
				if n := len(blocks); n > 0 {
					s.leave(blocks[n-1])
					blocks = blocks[:n-1]
				}
			default:
				s.declare(local{name: names[r.IntN(len(names))], register: register})
			}
			means := map[string]int{"outside": 999}
			for _, l := range s.list {
				means[l.name] = l.register
			}
			for _, name := range names {
				want, declared := means[name]
				if at := s.find(name); at >= 0 && s.list[at].register != want || at < 0 && declared && want != 999 {
					t.Fatalf("seed %d: %s is at %d of %+v, want register %d", seed, name, at, s.list, want)
				}
			}
			snapshots = append(snapshots, snapshot{s.scopes.Now(), means})
		}
		for i, snap := range snapshots {
			for _, name := range append(names, "unknown") {
				want, declared := snap.means[name]
				v := snap.scope.Find(name)
				if (v != nil) != declared || v != nil && int(v.Register) != want {
					t.Fatalf("seed %d, place %d: %s is %+v, want register %d, %v", seed, i, name, v, want, declared)
				}
			}
		}
	}
}
