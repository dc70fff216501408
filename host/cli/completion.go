package cli

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/picloud/picloud/host/api/wire"
	"github.com/picloud/picloud/host/client"
	"github.com/picloud/picloud/host/reference"
)

// What makes a shell call `picloud complete` when Tab is pressed.
var (
	//go:embed shell/picloud.bash
	bashCompletion string
	//go:embed shell/picloud.zsh
	zshCompletion string
	//go:embed shell/picloud.fish
	fishCompletion string
)

// CompletionCmd prints what a shell needs to complete commands, flags and names from the server.
type CompletionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: ${enum}."`
}

// Help is shown by --help.
func (CompletionCmd) Help() string {
	return `Put the example's line for your shell into ~/.bashrc, into ~/.zshrc behind
compinit, or into ~/.config/fish/config.fish.`
}

// Run is `picloud completion`.
func (cmd *CompletionCmd) Run(command *kong.Context) error {
	script := map[string]string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[cmd.Shell]
	_, err := fmt.Fprint(command.Stdout, script)
	return err
}

// CompleteCmd is what the shells call.
type CompleteCmd struct {
	Words []string `arg:"" optional:"" passthrough:"" help:"The words of the command line up to the cursor, without the program."`
}

// completionPatience is how long a person who presses Tab is to wait for names from the server.
const completionPatience = 2 * time.Second

// Run prints what the last word may be: a word and a tab and what it means, one a line, or ":files"
// for the names of files. What fails leads to no suggestions, and is not told.
func (cmd *CompleteCmd) Run(ctx context.Context, command *kong.Context) error {
	words := cmd.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	for _, s := range complete(ctx, command.Model, words) {
		if _, err := fmt.Fprintf(command.Stdout, "%s\t%s\n", s.word, firstSentence(s.meaning)); err != nil {
			return err
		}
	}
	return nil
}

// A suggestion is what a word may be completed to.
type suggestion struct{ word, meaning string }

// A typed is a command line as far as it is typed.
type typed struct {
	command   *kong.Node
	arguments []string
	flags     map[string]string // values by name
	expects   *kong.Flag        // whose value the next word is; nil for none
}

// read takes up a word that is complete.
func (t *typed) read(word string) {
	switch {
	case t.expects != nil && word == "=": // bash makes a word of it
	case t.expects != nil:
		t.flags[t.expects.Name], t.expects = word, nil
	case strings.HasPrefix(word, "-") && word != "-" && !negativeNumber.MatchString(word):
		name, value, hasValue := strings.Cut(word, "=")
		flag := t.flag(name)
		switch {
		case flag == nil || flag.IsBool():
		case hasValue:
			t.flags[flag.Name] = value
		default:
			t.expects = flag
		}
	default:
		for _, child := range t.command.Children {
			if child.Name == word {
				t.command = child
				return
			}
		}
		t.arguments = append(t.arguments, word)
	}
}

// flag finds a flag by how it is written: --output or -o.
func (t *typed) flag(written string) *kong.Flag {
	for _, group := range t.command.AllFlags(false) {
		for _, flag := range group {
			if written == "--"+flag.Name || flag.Short != 0 && written == "-"+string(flag.Short) {
				return flag
			}
		}
	}
	return nil
}

// complete suggests what the last word may be.
func complete(ctx context.Context, model *kong.Application, words []string) []suggestion {
	t := typed{command: model.Node, flags: map[string]string{}}
	for _, word := range words[:len(words)-1] {
		t.read(word)
	}
	last := words[len(words)-1]
	var all []suggestion
	switch name, value, hasValue := strings.Cut(last, "="); {
	case t.expects != nil:
		last = strings.TrimPrefix(last, "=") // of bash
		all = t.values(ctx, t.expects.Value)
	case strings.HasPrefix(last, "--") && hasValue:
		flag := t.flag(name)
		if flag == nil || flag.IsBool() {
			return nil
		}
		for _, s := range t.values(ctx, flag.Value) {
			if strings.HasPrefix(s.word, value) {
				all = append(all, suggestion{name + "=" + s.word, s.meaning})
			}
		}
	case strings.HasPrefix(last, "-"):
		all = t.flagSuggestions()
	case len(t.command.Children) > 0:
		for _, child := range t.command.Children {
			if !child.Hidden {
				all = append(all, suggestion{child.Name, child.Help})
			}
		}
	case len(t.command.Positional) > 0:
		all = t.values(ctx, t.command.Positional[min(len(t.arguments), len(t.command.Positional)-1)])
	}
	if len(all) == 1 && all[0].word == filesSuggestion {
		return all
	}
	all = slices.DeleteFunc(all, func(s suggestion) bool { return !strings.HasPrefix(s.word, last) })
	slices.SortStableFunc(all, func(a, b suggestion) int { return cmp.Compare(a.word, b.word) })
	return all
}

func (t *typed) flagSuggestions() (all []suggestion) {
	for _, group := range t.command.AllFlags(true) {
		for _, flag := range group {
			all = append(all, suggestion{"--" + flag.Name, flag.Help})
		}
	}
	return all
}

// filesSuggestion asks the shell to suggest names of files.
const filesSuggestion = ":files"

// firstSentence cuts what is shown beside a suggestion.
func firstSentence(text string) string {
	sentence, _, _ := strings.Cut(strings.ReplaceAll(text, "\n", " "), ". ")
	return strings.TrimSuffix(client.Printable(sentence), ".")
}

// maxSuggestions bounds what is asked of a server for one suggestion.
const maxSuggestions = 200

// values suggests values of a flag or argument: those of its enum, or what its tag complete names.
func (t *typed) values(ctx context.Context, value *kong.Value) (all []suggestion) {
	for _, word := range value.EnumSlice() {
		if word != "" {
			all = append(all, suggestion{word, ""})
		}
	}
	switch value.Tag.Get("complete") {
	case "":
		return all
	case "files":
		return []suggestion{{filesSuggestion, ""}}
	case "reference":
		for _, name := range reference.Names() {
			all = append(all, suggestion{name, ""})
		}
		return all
	case "contexts":
		saved, _ := loadCredentials()
		for _, l := range saved.all() {
			all = append(all, suggestion{l.context(), l.URL})
		}
		return all
	}
	remote := Remote{notices: &notices{w: io.Discard}, URL: cmp.Or(t.flags["url"], os.Getenv("PICLOUD_URL")), Context: t.flags["context"]}
	c, err := remote.connect()
	if err != nil {
		return nil
	}
	app := cmp.Or(t.flags["app"], os.Getenv("PICLOUD_APP"), "default")
	return t.names(ctx, c, app, value.Tag.Get("complete"))
}

// names suggests names of what the server has.
func (t *typed) names(ctx context.Context, c *client.Client, app, what string) []suggestion {
	switch what {
	case "apps":
		return collect(c.Apps(ctx), func(a wire.App) suggestion { return suggestion{a.Slug, a.Name} })
	case "users":
		return collect(c.Users(ctx), func(u wire.User) suggestion { return suggestion{u.Username, u.Role} })
	case "sessions":
		return collect(c.Sessions(ctx), func(s wire.Session) suggestion { return suggestion{s.ID, s.Address + " " + excerpt(s.UserAgent)} })
	case "scripts":
		return collect(c.Scripts(ctx, app), func(s wire.Script) suggestion { return suggestion{s.Name, string(s.Kind)} })
	case "members":
		return collect(c.Members(ctx, app), func(m wire.Member) suggestion { return suggestion{m.Username, m.Role} })
	case "keys":
		return collect(c.Keys(ctx), func(k wire.APIKey) suggestion { return suggestion{k.ID, k.Name + " " + k.Prefix} })
	case "triggers":
		return collect(c.Triggers(ctx, app), func(t wire.Trigger) suggestion {
			return suggestion{t.Name, kindWord(t.Kind) + " " + describeTrigger(t)}
		})
	case "secrets":
		return collect(c.Secrets(ctx, app), func(s wire.Secret) suggestion { return suggestion{s.Name, plural(s.Size, "byte")} })
	case "routes":
		return t.routes(ctx, c, app)
	case "domains":
		return collect(c.Domains(ctx, app), func(d wire.Domain) suggestion { return suggestion{d.Host, "claimed " + localTime(d.CreatedAt)} })
	case "opened":
		return collect(c.Topics(ctx, app), func(t wire.Topic) suggestion { return suggestion{t.Topic, t.Access} })
	case "topics":
		return collect(c.Queues(ctx, app), func(q wire.Queue) suggestion {
			return suggestion{q.Topic, plural(q.Waiting, "message")}
		})
	case "events":
		return collect(c.Events(ctx, app, client.EventQuery{}), func(e wire.Event) suggestion {
			return suggestion{e.ID, e.State + " " + payloadStart(e)}
		})
	case "dead-letters":
		return collect(c.DeadLetters(ctx, app, wire.DeadLetterFilter{Resolved: true}), func(d wire.DeadLetter) suggestion {
			return suggestion{d.ID, kindWord(d.Source) + " " + excerpt(d.Error)}
		})
	}
	noun := t.command.Parent.Name
	if what == "collections" {
		switch noun {
		case "kv":
			return collect(c.KVCollections(ctx, app), func(k wire.KVCollection) suggestion {
				return suggestion{k.Name, plural(k.Entries, "key")}
			})
		case "docs", "index":
			return collect(c.DocsCollections(ctx, app), func(d wire.DocsCollection) suggestion {
				return suggestion{d.Name, plural(d.Documents, "document")}
			})
		default:
			return collect(c.FilesCollections(ctx, app), func(f wire.FilesCollection) suggestion {
				return suggestion{f.Name, plural(f.Files, "file")}
			})
		}
	}
	if len(t.arguments) == 0 {
		return nil // no collection to look into
	}
	collection := t.arguments[0]
	switch noun {
	case "index":
		var paths []suggestion
		for i, err := range c.Indexes(ctx, app) {
			if err != nil {
				break
			}
			if i.Collection == collection {
				paths = append(paths, suggestion{i.Path, i.State})
			}
		}
		return paths
	case "kv":
		return collect(c.KV(ctx, app, collection, ""), func(e wire.KVEntry) suggestion {
			return suggestion{e.Key, excerpt(string(e.Value))}
		})
	case "docs":
		return collect(c.Docs(ctx, app, collection, "", ""), func(d wire.Document) suggestion {
			return suggestion{d.ID, excerpt(string(d.Data))}
		})
	default:
		return collect(c.Files(ctx, app, collection), func(f wire.File) suggestion { return suggestion{f.ID, f.Name} })
	}
}

// routes suggests the words of a route: methods first, and where there is one, what it is for.
func (t *typed) routes(ctx context.Context, c *client.Client, app string) (all []suggestion) {
	for route, err := range first(maxSuggestions, c.AppRoutes(ctx, app)) {
		if err != nil {
			break
		}
		method, target := cmp.Or(route.Method, "ANY"), route.Host+route.Path
		switch {
		case len(t.arguments) == 1 && strings.EqualFold(t.arguments[0], method):
			all = append(all, suggestion{target, route.PathKind})
		case len(t.arguments) > 0:
		case !slices.ContainsFunc(all, func(s suggestion) bool { return s.word == method }):
			all = append(all, suggestion{method, "routes for this method"})
		}
	}
	return all
}

// collect makes suggestions of a listing, up to its first error.
func collect[T any](listing iter.Seq2[T, error], suggest func(T) suggestion) (all []suggestion) {
	for item, err := range first(maxSuggestions, listing) {
		if err != nil {
			break
		}
		all = append(all, suggest(item))
	}
	return all
}
