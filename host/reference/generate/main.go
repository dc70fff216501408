// Command generate makes what package reference embeds of the table of the SDK (plugins/rhai/bridge/reference), the
// limits and errors of package abi, and the list of Rhai's own functions: pages of Markdown, sdk.json and
// picloud.d.rhai. It writes them into the folder that it is called with.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	made, err := everything()
	for name, text := range made {
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Args[1], name), []byte(text), 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// everything returns the texts by the names of their files.
func everything() (map[string]string, error) {
	sdk, err := describe()
	if err != nil {
		return nil, err
	}
	made := map[string]string{"sdk.json": sdk.json(), "picloud.d.rhai": definitions(sdk)}
	for name, text := range pages(sdk) {
		made[filepath.Join("pages", name+".md")] = text
	}
	return made, nil
}
