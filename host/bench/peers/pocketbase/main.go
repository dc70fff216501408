// Command pocketbase is a peer of the benchmark: PocketBase with its JavaScript hooks. It is
// PocketBase's own program without what a hook does not need: migrations in JavaScript, the
// updater, the installer's web page.
package main

import (
	"fmt"
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
	records := app.RootCmd.PersistentFlags().Int("records", 0, "make the collections of the services, one with so many records")
	_ = app.RootCmd.ParseFlags(os.Args[1:]) // the hooks are read before the command runs
	jsvm.MustRegister(app, jsvm.Config{HooksDir: hooks, HooksPoolSize: hooksPool})
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.InstallerFunc = nil
		if *records > 0 {
			if err := fill(e.App, *records); err != nil {
				return err
			}
		}
		return e.Next()
	})
	if err := app.Start(); err != nil {
		log.Fatal(err)
	}
}

// fill makes the collections "bench", with n records, and "new".
func fill(app core.App, n int) error {
	return app.RunInTransaction(func(tx core.App) error {
		for _, name := range []string{"bench", "new"} {
			collection := core.NewBaseCollection(name)
			collection.Fields.Add(&core.NumberField{Name: "number"}, &core.TextField{Name: "name"},
				&core.TextField{Name: "city"}, &core.TextField{Name: "at"},
				&core.AutodateField{Name: "created", OnCreate: true}, &core.AutodateField{Name: "updated", OnCreate: true, OnUpdate: true})
			collection.AddIndex("by_number_of_"+name, false, "number", "")
			if err := tx.Save(collection); err != nil {
				return err
			}
		}
		collection, err := tx.FindCollectionByNameOrId("bench")
		if err != nil {
			return err
		}
		for i := range n {
			record := core.NewRecord(collection)
			record.Load(map[string]any{"id": fmt.Sprintf("doc%012d", i), "number": i, "name": "document", "city": "Bern"})
			if err := tx.SaveNoValidate(record); err != nil {
				return err
			}
		}
		return nil
	})
}
