package catalog

import (
	"context"

	"github.com/picloud/picloud/host/quota"
	"github.com/picloud/picloud/host/store"
)

// SetQuota replaces what is set of an app's shares. Requests and executions are bounded by it at once on
// this node, and soon on the others.
func (c *Catalog) SetQuota(ctx context.Context, appID string, set store.Quota) error {
	if err := quota.Check(set); err != nil {
		return err
	}
	return c.change(ctx, func(tx store.Store) error { return tx.Quotas().Set(ctx, appID, set) })
}
