package reference

// A Group are functions of Rhai's own standard packages that belong together.
type Group struct {
	Title string
	Says  map[string]string // by the function's name: one line of Markdown
}

// Standard tells of Rhai's own functions, which the list of the real engine's has with their types
// (plugins/rhai/conformance/functions.txt). They are written as functions or as methods, len(x) or x.len(); and those
// that take their argument alone mostly as properties, too: x.len.
var Standard = []Group{
	{"The language", map[string]string{
		"print":     "Writes a line to the log, at the level `info`.",
		"debug":     "Writes the debug form of a value to the log, with where it was called.",
		"type_of":   "The name of the value's type: `\"i64\"`, `\"string\"`, `\"map\"`.",
		"exit":      "Ends the script with a value.",
		"take":      "Moves a value out of its variable, which becomes `()`.",
		"tag":       "The tag of a value: an integer that goes with it.",
		"set_tag":   "Gives a value a tag.",
		"sleep":     "Waits for so many seconds. It is not possible in a transaction.",
		"to_debug":  "The value as `debug` shows it.",
		"to_string": "The value as `print` shows it.", "get_fn_metadata_list": "What the script's own functions are.",
		"name": "The name of the function that a pointer is to.", "is_anonymous": "Whether a pointer is to a closure.",
	}},
	{"Numbers", map[string]string{
		"abs": "The number without its sign.", "sign": "-1, 0 or 1, as the number is below, at or above zero.",
		"is_zero": "Whether it is zero.", "is_odd": "Whether it is odd.", "is_even": "Whether it is even.",
		"min": "The smaller of two.", "max": "The larger of two.",
		"parse_int": "The integer that a text stands for, in base 10 or another.", "parse_float": "The float that a text stands for.",
		"to_int": "The integer of a float, which loses its fraction.", "to_float": "The float of an integer.",
		"to_hex": "The text of an integer in base 16.", "to_octal": "The text of an integer in base 8.", "to_binary": "The text of an integer in base 2.",
		"floor": "The integer below, a float.", "ceiling": "The integer above, a float.", "round": "The nearest integer, a float.", "int": "The number without its fraction, a float.", "fraction": "The fraction of a number.",
		"is_nan": "Whether it is not a number.", "is_finite": "Whether it is neither infinite nor not a number.", "is_infinite": "Whether it is infinite.",
		"sqrt": "The square root.", "exp": "*e* to the power of a number.", "ln": "The natural logarithm.", "log": "The logarithm to the base 10, or another.", "hypot": "The length of the hypotenuse.",
		"sin": "The sine of radians.", "cos": "The cosine of radians.", "tan": "The tangent of radians.", "asin": "The arc sine.", "acos": "The arc cosine.", "atan": "The arc tangent, of one number or of two.",
		"sinh": "The hyperbolic sine.", "cosh": "The hyperbolic cosine.", "tanh": "The hyperbolic tangent.", "asinh": "The inverse hyperbolic sine.", "acosh": "The inverse hyperbolic cosine.", "atanh": "The inverse hyperbolic tangent.",
		"to_degrees": "Degrees of radians.", "to_radians": "Radians of degrees.", "PI": "π.", "E": "*e*.",
		"get_bit": "Whether a bit is set.", "set_bit": "Sets a bit or clears it.", "get_bits": "The number that some of the bits are.", "set_bits": "Sets some of the bits to a number.", "bits": "The bits, to go through.",
	}},
	{"Ranges", map[string]string{
		"range": "The numbers from one up to, but not, another, in steps.", "start": "Where a range begins.", "end": "Where it ends.",
		"is_inclusive": "Whether the end is part of it.", "is_exclusive": "Whether the end is not part of it.",
	}},
	{"Texts", map[string]string{
		"chars": "The characters, to go through.", "to_chars": "The characters, an array.", "to_blob": "The UTF-8 of a text.", "bytes": "How many bytes its UTF-8 has.",
		"sub_string": "A part of a text.", "crop": "Leaves a part of a text alone.", "split": "The parts between delimiters, or before and behind a place.", "split_rev": "As `split`, from the end.",
		"trim": "Takes white space from both ends.", "starts_with": "Whether a text begins with another.", "ends_with": "Whether a text ends with another.",
		"to_upper": "The text in upper case.", "to_lower": "The text in lower case.", "make_upper": "Makes it upper case.", "make_lower": "Makes it lower case.",
		"replace": "Replaces each occurrence.", "parse_json": "The map or array that a text of JSON stands for; [json::parse](json.md#parse) takes any value and keeps blobs.", "to_json": "The JSON of a map; see [json::stringify](json.md#stringify).",
	}},
	{"Arrays, blobs and maps", map[string]string{
		"len": "How many items, properties or characters there are.", "is_empty": "Whether there are none.", "contains": "Whether there is such an item, property or text; also what `in` asks.",
		"get": "The item at a place, from the end when negative; `()` when there is none.", "set": "Puts an item at a place.",
		"push": "Adds an item at the end.", "pop": "Takes the last item.", "shift": "Takes the first item.", "insert": "Puts an item in at a place.", "remove": "Takes an item, a property or a text out.", "append": "Adds all of another at the end.",
		"clear": "Takes everything out.", "truncate": "Keeps so many from the beginning.", "chop": "Keeps so many at the end.", "pad": "Adds at the end until there are so many.",
		"extract": "A part, as one of its own.", "splice": "Replaces a part by another.", "drain": "Takes out what a function picks, or a part, and returns it.", "retain": "Keeps what a function picks, or a part, and returns the rest.",
		"reverse": "Turns the order around.", "sort": "Sorts in place, by a function if one is given.", "sort_by": "Sorts in place by a function.", "sort_desc": "Sorts in place, downwards.", "order": "A sorted copy.", "order_by": "A copy sorted by a function.", "order_desc": "A copy sorted downwards.", "dedup": "Takes out items that are equal to the one before.",
		"map": "What a function makes of each item.", "filter": "Those items that a function picks.", "find": "The first that a function picks; `()` when there is none.", "find_map": "The first value of a function that is not `()`.", "index_of": "Where the first is that is equal or that a function picks; -1 when there is none.",
		"all": "Whether a function holds for all items.", "some": "Whether a function holds for one of the items.", "for_each": "Calls a function with each item as `this`.", "reduce": "One value of all items, from the first on.", "reduce_rev": "One value of all items, from the last on.", "zip": "What a function makes of the items of two arrays, pair by pair.",
		"keys": "The names of a map's properties.", "values": "The values of a map's properties.", "mixin": "Adds all properties of another map.", "fill_with": "Adds those properties of another map that there are not.",
		"blob": "So many bytes, of a value.", "to_array": "The bytes, an array of integers.", "as_string": "The text whose UTF-8 the bytes are.",
		"parse_le_int": "The integer that bytes are, the low ones first.", "parse_be_int": "The integer that bytes are, the high ones first.", "parse_le_float": "The float that bytes are, the low ones first.", "parse_be_float": "The float that bytes are, the high ones first.",
		"write_le": "Writes a number into bytes, the low ones first.", "write_be": "Writes a number into bytes, the high ones first.", "write_utf8": "Writes a text into bytes.", "write_ascii": "Writes the ASCII of a text into bytes.",
	}},
	{"Time that has gone by", map[string]string{
		"timestamp": "The time now, by a clock that only moves forward; for dates see [time](time.md).", "elapsed": "The seconds since a timestamp.",
	}},
}
