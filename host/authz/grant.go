package authz

import (
	"slices"

	"github.com/picloud/picloud/host/store"
)

// ones are the capabilities that everybody has over what is their own: who grants a role grants none
// of the grantor's with them.
var ones = capabilitySet{KeysManage, AccountManage}

// MayGrant returns nil for a caller who has every capability of a role on the instance, and otherwise
// [Denied] for one that is missing. Nobody gives a role that has more, nor changes a user who has one.
func (p *Principal) MayGrant(role store.InstanceRole) error {
	for _, c := range slices.Backward(ofInstanceRole[role]) { // those that only higher roles have come first
		if !ones.has(c) && !p.May(c) {
			return p.Denied(c)
		}
	}
	return nil
}
