package files_test

import (
	"fmt"

	"github.com/picloud/picloud/guest-sdk/files"
	"github.com/picloud/picloud/guest-sdk/sdktest"
)

func ExampleCollection() {
	images := files.Collection("images")
	sdktest.Run(func(*sdktest.Host) {
		file, err := images.Create("dot.gif", "image/gif", []byte("GIF89a"))
		fmt.Println(file.Name, file.Size, err)
		data, found, err := images.Get(file.ID)
		fmt.Println(string(data), found, err)
		name := "point.gif"
		file, err = images.Update(file.ID, files.Change{Name: &name})
		fmt.Println(file.Name, file.ContentType, err)
		for file, err := range images.All() {
			fmt.Println(file.Name, err)
		}
	})
	// Output:
	// dot.gif 6 <nil>
	// GIF89a true <nil>
	// point.gif image/gif <nil>
	// point.gif <nil>
}
