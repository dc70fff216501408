//go:build race

package main

// raced: under the race detector wazero compiles ten times slower.
const raced = true
