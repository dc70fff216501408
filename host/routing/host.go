package routing

// AppOf returns the app that has claimed the host that a Host header names. It reports false if nobody has.
func (t *Table) AppOf(host string) (appID string, found bool) {
	claim, found := t.ClaimOf(cleanHost(host))
	return claim.AppID, found
}
