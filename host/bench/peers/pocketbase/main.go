// Command pocketbase is a peer of the benchmark: PocketBase with its JavaScript hooks. It is
// PocketBase's own program without what a hook does not need: migrations in JavaScript, the
// updater, the installer's web page.
package main

import (
	"log"
	"os"

	"github.com/pocketbase/pocketbase"
	"github.com/pocketbase/pocketbase/core"
	"github.com/pocketbase/pocketbase/plugins/jsvm"
)

// hooksPool is how many runtimes PocketBase's own binary keeps for hooks.
const hooksPool = 15

func main() {
	app := pocketbase.New()
	var hooks string
	app.RootCmd.PersistentFlags().StringVar(&hooks, "hooksDir", "", "folder of *.pb.js files")
	_ = app.RootCmd.ParseFlags(os.Args[1:]) // the hooks are read before the command runs
	jsvm.MustRegister(app, jsvm.Config{HooksDir: hooks, HooksPoolSize: hooksPool})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.InstallerFunc = nil
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}
