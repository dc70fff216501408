package cli

import (
	"fmt"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/cli/manifest"
)

// ManifestCmd groups the commands on picloud.yaml.
type ManifestCmd struct {
	Schema ManifestSchemaCmd `cmd:"" help:"Print the JSON schema of picloud.yaml, for editors."`
}

// ManifestSchemaCmd is `picloud manifest schema`.
type ManifestSchemaCmd struct{}

// Help is shown by --help.
func (ManifestSchemaCmd) Help() string {
	return `Editors with a YAML language server complete and check a picloud.yaml whose first line is

    # yaml-language-server: $schema=picloud.schema.json

with the schema in a file of that name beside it.`
}

// Run prints the schema.
func (ManifestSchemaCmd) Run(command *kong.Context) error {
	_, err := fmt.Fprint(command.Stdout, manifest.Schema)
	return err
}
