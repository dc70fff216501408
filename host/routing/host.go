package routing

// AppOf returns the app whose host it is that a Host header names: the one with routes for it, the most
// specific pattern first, as for [Table.Match]. Of several apps with the same pattern it is the one with
// the oldest route. It reports false if only routes for any host answer there.
func (t *Table) AppOf(host string) (appID string, found bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	host = cleanHost(host)
	if p := t.strict[host]; p != nil {
		return p.owner(), true
	}
	for i := 1; i < len(host) && len(host) <= 254 && len(t.wildcard) > 0; i++ {
		if host[i] != '.' {
			continue
		}
		if p := t.wildcard[host[i:]]; p != nil {
			return p.owner(), true
		}
	}
	return "", false
}

// owner returns the app with the oldest route.
func (p *paths) owner() string {
	if len(p.apps) == 1 {
		for id := range p.apps {
			return id
		}
	}
	var oldest *entry
	for _, e := range p.byID {
		if oldest == nil || older(e, oldest) < 0 {
			oldest = e
		}
	}
	return oldest.route.AppID
}
