package abi

import "github.com/tinylib/msgp/msgp"

//msgp:ignore Lists

// Lists are texts by name, several of one name in order: the headers or the query of a request. On
// the wire a list of one may be the text itself.
type Lists map[string][]string

// MarshalMsg appends the lists, each as an array.
func (l Lists) MarshalMsg(b []byte) ([]byte, error) { return appendLists(b, l, appendList), nil }

// Msgsize returns an upper bound of how many bytes MarshalMsg appends.
func (l Lists) Msgsize() int {
	size := msgp.MapHeaderSize
	for name, values := range l {
		size += msgp.StringPrefixSize + len(name) + msgp.ArrayHeaderSize
		for _, value := range values {
			size += msgp.StringPrefixSize + len(value)
		}
	}
	return size
}

// UnmarshalMsg reads lists, and returns what follows them.
func (l *Lists) UnmarshalMsg(b []byte) ([]byte, error) {
	n, b, err := msgp.ReadMapHeaderBytes(b)
	if err != nil {
		return b, err
	}
	*l = make(Lists, min(n, 64))
	for ; n > 0; n-- {
		var name string
		if name, b, err = msgp.ReadStringBytes(b); err != nil {
			return b, err
		}
		count := uint32(1)
		if msgp.NextType(b) == msgp.ArrayType {
			if count, b, err = msgp.ReadArrayHeaderBytes(b); err != nil {
				return b, err
			}
		}
		values := make([]string, 0, min(count, 64))
		for ; count > 0; count-- {
			var value string
			if value, b, err = msgp.ReadStringBytes(b); err != nil {
				return b, err
			}
			values = append(values, value)
		}
		(*l)[name] = values
	}
	return b, nil
}
