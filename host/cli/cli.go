// Package cli is the command line of a client: the commands that talk to a running server, one file
// for each noun.
package cli

import "github.com/alecthomas/kong"

// Commands are the commands that talk to a running server.
type Commands struct {
	Login       LoginCmd       `cmd:"" help:"Log in to a server and remember the session."`
	Logout      LogoutCmd      `cmd:"" help:"End the session and forget it."`
	Context     ContextCmd     `cmd:"" help:"List the servers that you are logged in to, choose, add and remove one."`
	Password    PasswordCmd    `cmd:"" help:"Change your password, or set it by an invite."`
	TOTP        TOTPCmd        `cmd:"" name:"totp" help:"Have logins need a code of an authenticator, beside the password."`
	Sessions    SessionsCmd    `cmd:"" help:"List and end your sessions."`
	Users       UsersCmd       `cmd:"" help:"List, create, invite, change, deactivate and delete users."`
	Apps        AppsCmd        `cmd:"" help:"List, create, show and delete apps."`
	Scripts     ScriptsCmd     `cmd:"" help:"List, show, validate and delete scripts, and compare and restore their versions."`
	Dev         DevCmd         `cmd:"" help:"Deploy a folder whenever it changes, on a server of its own or one that runs, and show what its app does."`
	Test        TestCmd        `cmd:"" help:"Run the tests of a folder, on a server of its own."`
	Deploy      DeployCmd      `cmd:"" help:"Create or update a script from a file, or an app from a folder with a picloud.yaml."`
	Pull        PullCmd        `cmd:"" help:"Write a running app into a folder, with a picloud.yaml."`
	Manifest    ManifestCmd    `cmd:"" help:"Print the JSON schema of picloud.yaml."`
	Status      StatusCmd      `cmd:"" help:"Show how a server is."`
	Health      HealthCmd      `cmd:"" help:"Show how the node is that answers: database, disk, memory, caches, what waits."`
	Invoke      InvokeCmd      `cmd:"" help:"Run a script once and print its response."`
	Logs        LogsCmd        `cmd:"" help:"Print or follow the log of an app or a script."`
	Executions  ExecutionsCmd  `cmd:"" help:"List and show what has run, and what nobody has waited for."`
	Routes      RoutesCmd      `cmd:"" help:"List, add, delete and match routes."`
	Triggers    TriggersCmd    `cmd:"" help:"List, create, change, pause, fire and delete triggers, and tell when a schedule fires."`
	Events      EventsCmd      `cmd:"" help:"List, show, retry, delete, pause and watch what is to be delivered."`
	Queues      QueuesCmd      `cmd:"" help:"List queues and their messages, push and clear."`
	DeadLetters DeadLettersCmd `cmd:"" help:"List, show, replay, resolve and delete what could not be delivered."`
	Domains     DomainsCmd     `cmd:"" help:"List, claim and give back the hosts on which only the app answers."`
	Quota       QuotaCmd       `cmd:"" help:"Show and set what an app may have."`
	Backup      BackupCmd      `cmd:"" help:"Make a backup of all that a server has, while it runs."`
	Audit       AuditCmd       `cmd:"" help:"List, export and watch what was changed, and by whom."`
	Topics      TopicsCmd      `cmd:"" help:"List, set and delete the topics that can be subscribed to from outside."`
	Secrets     SecretsCmd     `cmd:"" help:"List, set and delete an app's secrets, and seal all secrets anew."`
	Members     MembersCmd     `cmd:"" help:"List, set and remove who works on an app."`
	Keys        KeysCmd        `cmd:"" help:"List, create, rotate and revoke API keys."`
	KV          KVCmd          `cmd:"" name:"kv" help:"Browse, change, export and import an app's keys and values."`
	Docs        DocsCmd        `cmd:"" help:"Browse, change, export and import an app's documents."`
	Files       FilesCmd       `cmd:"" help:"Browse, upload, download, export and import an app's files."`

	Help       HelpCmd       `cmd:"" help:"Show the reference: of a function, a module, a subject or a command."`
	Completion CompletionCmd `cmd:"" help:"Print what a shell needs to complete commands, flags and names."`
	Complete   CompleteCmd   `cmd:"" hidden:""`
}

// InApp is the flag of commands that work within one app.
type InApp struct {
	App string `short:"a" default:"default" env:"PICLOUD_APP" placeholder:"APP" complete:"apps" help:"App to work in, by slug or id (default ${default})."`
}

// AfterApply makes the InApp an argument of the command's Run method.
func (in *InApp) AfterApply(command *kong.Context) error {
	command.Bind(in)
	return nil
}
