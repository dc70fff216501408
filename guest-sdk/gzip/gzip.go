// Package gzip has the host compress and decompress (RFC 1952).
package gzip

import "github.com/picloud/picloud/guest-sdk/internal/host"

type data struct {
	Data []byte `json:"data"`
}

// Compress returns data compressed.
func Compress(of []byte) ([]byte, error) { return call(host.GzipCompress, of) }

// Decompress returns what was compressed, 10 MiB at most.
func Decompress(of []byte) ([]byte, error) { return call(host.GzipDecompress, of) }

func call(operation host.Operation, of []byte) ([]byte, error) {
	response, err := host.Call[data](operation, data{of})
	return response.Data, err
}
