package docs_test

import (
	"fmt"

	sdk "github.com/picloud/picloud/guest-sdk"
	"github.com/picloud/picloud/guest-sdk/docs"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

type Note struct {
	Author string   `json:"author"`
	Text   string   `json:"text"`
	Tags   []string `json:"tags,omitempty"`
}

func ExampleCollection() {
	notes := docs.Collection[Note]("notes")
	sdktest.Run(func(*sdktest.Host) {
		id, err := notes.Create(Note{Author: "ada", Text: "Hello"})
		fmt.Println(err)
		changed, err := notes.PatchIf(id, 1, map[string]any{"tags": []string{"greeting"}})
		fmt.Println(changed.Data, changed.Version, err)
		_, err = notes.PatchIf(id, 1, map[string]any{"text": "Bye"}) // it is at version 2
		fmt.Println(sdk.ErrorCode(err))
	})
	// Output:
	// <nil>
	// {ada Hello [greeting]} 2 <nil>
	// conflict
}

func ExampleCollection_Find() {
	notes := docs.Collection[Note]("notes")
	sdktest.Run(func(*sdktest.Host) {
		for _, note := range []Note{{"ada", "b", nil}, {"grace", "c", nil}, {"ada", "a", nil}} {
			if _, err := notes.Create(note); err != nil {
				fmt.Println(err)
			}
		}
		page, err := notes.Find(docs.Query{
			Filter: docs.Filter{"author": "ada", "text": docs.Filter{"$lt": "z"}},
			Sort:   []docs.Order{docs.Asc("text")},
			Limit:  10,
		})
		for _, doc := range page.Items {
			fmt.Println(doc.Data.Author, doc.Data.Text)
		}
		fmt.Println(err)
		count, err := notes.Count(nil)
		fmt.Println(count, err)
	})
	// Output:
	// ada a
	// ada b
	// <nil>
	// 3 <nil>
}
