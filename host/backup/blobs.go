package backup

import (
	"bufio"
	"encoding/gob"
	"io"
	"os"

	"github.com/picloud/picloud/host/store"
)

// blobs is a list of blobs that is written once and then read: in a file, since ten million would have 2 GB in
// memory, and the dump that they come from is to end before their bytes are copied.
type blobs struct {
	file    *os.File
	buffer  *bufio.Writer
	encoder *gob.Encoder
	n       int64
}

// newBlobs writes a list to an empty file, which is the list's from now on.
func newBlobs(file *os.File) *blobs {
	buffer := bufio.NewWriterSize(file, 64<<10)
	return &blobs{file: file, buffer: buffer, encoder: gob.NewEncoder(buffer)}
}

func (b *blobs) add(blob store.Blob) error {
	b.n++
	return b.encoder.Encode(blob)
}

// each calls use with all of them in their order, and returns its error as it is.
func (b *blobs) each(use func(store.Blob) error) error {
	if err := b.buffer.Flush(); err != nil {
		return err
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	decoder := gob.NewDecoder(bufio.NewReaderSize(b.file, 64<<10))
	for range b.n {
		var blob store.Blob
		if err := decoder.Decode(&blob); err != nil {
			return err
		}
		if err := use(blob); err != nil {
			return err
		}
	}
	return nil
}

func (b *blobs) close() error { return b.file.Close() }
