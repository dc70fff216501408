package segment

// Raw are the two parts before they are compressed.
func Raw(rows []Row) (body, rest []byte) { return encodeBody(rows), encodeRest(rows) }

// Compress makes a part of any bytes.
func Compress(raw []byte) []byte { return compress(append([]byte{}, raw...)) }
