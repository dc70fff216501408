package wire

import "encoding/json"

// Deploy is the body of POST apps/{app}:deploy: changes of one app, of which all are made or none.
type Deploy struct {
	DryRun  bool           `json:"dry_run,omitempty" doc:"Find out whether the changes would be made, and make none. 00000000-0000-0000-0000-000000000000 stands for the id of a file that would be uploaded before"`
	NewApp  bool           `json:"new_app,omitempty" doc:"Of a dry run: the app is not there, and would be created before with the slug in the path"`
	Changes []DeployChange `json:"changes" minItems:"1" maxItems:"10000" doc:"In the order in which they are made, those of data last so that the triggers hear of them, in 20 seconds at most together; deletions of scripts that follow one another, in one in which no module goes before its importers"`
}

// MaxDeployChanges is how many changes a deploy has at most.
const MaxDeployChanges = 10_000

// DeployChange is a change as the operation of that name makes it.
type DeployChange struct {
	Operation  string          `json:"operation" enum:"update-app,create-script,update-script,delete-script,create-route,update-route,delete-route,create-domain,delete-domain,create-index,delete-index,create-trigger,update-trigger,delete-trigger,set-topic,delete-topic,delete-secret,set-kv,create-doc,put-doc,keep-file"`
	ID         string          `json:"id,omitempty" maxLength:"512" doc:"Of what is changed or deleted; of a route that is created, the id or name of its script; of a topic or secret its name, of an entry its key; of a file that is kept, of the one whose place it takes, if there is one"`
	Kind       string          `json:"kind,omitempty" enum:"kv,docs,files,cron,queue,pubsub,dead_letter," doc:"Of a trigger that is created"`
	Module     string          `json:"module,omitempty" maxLength:"64" doc:"Of a plugin: id of a file that was uploaded to the collection @static before, which is its WebAssembly module"`
	Collection string          `json:"collection,omitempty" maxLength:"512" doc:"Of an entry, a document or a file"`
	Upload     string          `json:"upload,omitempty" maxLength:"64" doc:"Of a file that is kept: id of the file that was uploaded to the collection @static before, and becomes this one"`
	Body       json.RawMessage `json:"body,omitempty" doc:"As of the operation; triggers may be given the names of scripts and triggers for ids"`
}

// Deployed answers it.
type Deployed struct {
	Results []DeployResult `json:"results" doc:"One for each change, in their order"`
}

// DeployResult is what came of one change.
type DeployResult struct {
	ID      string `json:"id,omitempty" doc:"Of what was created or changed"`
	Version int64  `json:"version,omitempty" doc:"Of a script"`
	Warning string `json:"warning,omitempty"`
}
