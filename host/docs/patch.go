package docs

// merged is a map with a patch put into it (RFC 7396): what is null in the patch is removed, maps
// are merged, and all else is replaced. Blobs are values. What stays keeps its place and what is
// new comes behind it.
func merged(target, patch text) text {
	return appendMerged(make(text, 0, len(target)+len(patch)), target, patch)
}

// appendMerged merges a map into another; a target that is no map counts as an empty one.
func appendMerged(out, target, patch text) text {
	changes := map[string]text{}
	for key, value := range patch.entries() {
		changes[string(key)] = value
	}
	out = append(out, '{')
	if target.kind() == kindMap {
		for key, value := range target.entries() {
			change, changed := changes[string(key)]
			delete(changes, string(key))
			if !changed {
				out = append(appendKey(out, key), value...)
			} else {
				out = appendChange(out, key, value, change)
			}
		}
	}
	for key, change := range patch.entries() {
		if _, fresh := changes[string(key)]; fresh {
			out = appendChange(out, key, nil, change)
		}
	}
	return append(out, '}')
}

// appendChange appends an entry as a change leaves it, if it does.
func appendChange(out, key, value, change text) text {
	switch change.kind() {
	case kindNull:
		return out
	case kindMap:
		return appendMerged(appendKey(out, key), value, change)
	default:
		return append(appendKey(out, key), change...)
	}
}

func appendKey(out, key text) text {
	if out[len(out)-1] != '{' {
		out = append(out, ',')
	}
	return append(append(out, key...), ':')
}
