//go:build unix

package docs_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/picloud/picloud/host/docs"
)

// filterCase is a filter and the names of the documents it finds.
type filterCase struct{ filter, finds string }

// filterTopics are documents, and what filters find among them. They are the definition of the
// language in examples.
var filterTopics = []struct {
	name  string
	docs  string
	cases []filterCase
}{
	{
		"numbers",
		`
		zero: {"v": 0}
		minus-zero: {"v": -0.0}
		one: {"v": 1}
		one-float: {"v": 1.0}
		half: {"v": 0.5}
		tenth: {"v": 0.1}
		minus: {"v": -1.5}
		2^53: {"v": 9007199254740992}
		2^53-float: {"v": 9007199254740992.0}
		2^53+1: {"v": 9007199254740993}
		2^60: {"v": 1152921504606846976}
		2^60-float: {"v": 1152921504606846976.0}
		max: {"v": 9223372036854775807}
		2^63: {"v": 9223372036854775808.0}
		min: {"v": -9223372036854775808}
		min-float: {"v": -9223372036854775808.0}
		huge: {"v": 1e300}
		minus-huge: {"v": -1e300}
		tiny: {"v": 5e-324}
		text: {"v": "1"}
		true: {"v": true}
		null: {"v": null}
		none: {}
		list: {"v": [1]}
		`,
		[]filterCase{
			{`{"v": 1}`, "one one-float"},
			{`{"v": 1.0}`, "one one-float"},
			{`{"v": {"$eq": 1}}`, "one one-float"},
			{`{"v": 1e0}`, "one one-float"},
			{`{"v": 0}`, "zero minus-zero"},
			{`{"v": -0.0}`, "zero minus-zero"},
			{`{"v": 0.1}`, "tenth"},
			{`{"v": 0.10000000000000001}`, "tenth"},
			{`{"v": 0.10000000000000002}`, ""},
			{`{"v": -1.5}`, "minus"},
			{`{"v": 9007199254740992}`, "2^53 2^53-float"},
			{`{"v": 9007199254740992.0}`, "2^53 2^53-float"},
			{`{"v": 9007199254740993}`, "2^53+1"},
			{`{"v": 9007199254740993.0}`, "2^53 2^53-float"}, // no float is 2^53+1
			{`{"v": 1152921504606846976}`, "2^60 2^60-float"},
			{`{"v": 1152921504606847000}`, ""},                  // the shortest digits of 2^60 as a float
			{`{"v": 1152921504606847000.0}`, "2^60 2^60-float"}, // as a float they are 2^60
			{`{"v": 9223372036854775807}`, "max"},               // not 2^63
			{`{"v": 9223372036854775808}`, "2^63"},              // beyond 64 bits it is a float
			{`{"v": -9223372036854775808}`, "min min-float"},    // which a float can be
			{`{"v": -9223372036854775809}`, "min min-float"},    // the nearest float
			{`{"v": 1e300}`, "huge"},
			{`{"v": 5e-324}`, "tiny"},
			{`{"v": {"$gt": 9007199254740992}}`, "2^53+1 2^60 2^60-float max 2^63 huge"},
			{`{"v": {"$gt": 9007199254740992.0}}`, "2^53+1 2^60 2^60-float max 2^63 huge"},
			{`{"v": {"$gte": 9007199254740993}}`, "2^53+1 2^60 2^60-float max 2^63 huge"},
			{`{"v": {"$gt": 9223372036854775807}}`, "2^63 huge"},
			{`{"v": {"$gte": 9223372036854775807}}`, "max 2^63 huge"},
			{`{"v": {"$gte": 9223372036854775808.0}}`, "2^63 huge"},
			{`{"v": {"$lt": -9223372036854775808}}`, "minus-huge"},
			{`{"v": {"$lte": -9223372036854775808.0}}`, "min min-float minus-huge"},
			{`{"v": {"$lt": 0}}`, "minus min min-float minus-huge"},
			{`{"v": {"$lte": 0}}`, "zero minus-zero minus min min-float minus-huge"},
			{`{"v": {"$gt": 0, "$lt": 1}}`, "half tenth tiny"},
			{`{"v": {"$gt": 0.1, "$lte": 1}}`, "one one-float half"},
			{`{"v": {"$gt": -1.6, "$lt": -1.4}}`, "minus"},
			{`{"v": {"$gt": -1, "$lt": 0}}`, ""},
			{`{"v": {"$gt": -2, "$lt": -1}}`, "minus"},
			{`{"v": {"$gte": 1, "$lte": 1}}`, "one one-float"},
			{`{"v": {"$in": [1, 0.5, 7]}}`, "one one-float half"},
			{`{"v": {"$gte": -1e300, "$lt": -9.3e18}}`, "minus-huge"},
		},
	},
	{
		"strings",
		`
		empty: {"v": ""}
		a: {"v": "a"}
		A: {"v": "A"}
		ab: {"v": "ab"}
		b: {"v": "b"}
		space: {"v": " a"}
		composed: {"v": "é"}
		decomposed: {"v": "e\u0301"}
		crab: {"v": "🦀"}
		ffff: {"v": "\uffff"}
		percent: {"v": "100%"}
		underscore: {"v": "a_b"}
		quote: {"v": "it's"}
		double: {"v": "say \"hi\""}
		backslash: {"v": "C:\\new"}
		newline: {"v": "one\nnew"}
		nul: {"v": "a\u0000b"}
		digit: {"v": "1"}
		word: {"v": "true"}
		nil: {"v": "null"}
		`,
		[]filterCase{
			{`{"v": "a"}`, "a"},
			{`{"v": "A"}`, "A"},
			{`{"v": ""}`, "empty"},
			{`{"v": "é"}`, "composed"},
			{`{"v": "e\u0301"}`, "decomposed"},
			{`{"v": "\ud83e\udd80"}`, "crab"},
			{`{"v": "100%"}`, "percent"},
			{`{"v": "%"}`, ""},
			{`{"v": "a%"}`, ""},
			{`{"v": "a_b"}`, "underscore"},
			{`{"v": "___"}`, ""},
			{`{"v": "it's"}`, "quote"},
			{`{"v": "it''s"}`, ""},
			{`{"v": "say \"hi\""}`, "double"},
			{`{"v": "C:\\new"}`, "backslash"},
			{`{"v": "one\nnew"}`, "newline"},
			{`{"v": "one\u000anew"}`, "newline"},
			{`{"v": "a\u0000b"}`, "nul"},
			{`{"v": "a\u0000c"}`, ""},
			{`{"v": "1"}`, "digit"},
			{`{"v": 1}`, ""},
			{`{"v": "true"}`, "word"},
			{`{"v": true}`, ""},
			{`{"v": "null"}`, "nil"},
			{`{"v": null}`, ""},
			{`{"v": {"$lt": "A"}}`, "empty space percent digit"},
			{`{"v": {"$gt": "a", "$lt": "b"}}`, "ab underscore nul"},
			{`{"v": {"$gte": "a", "$lte": "a"}}`, "a"},
			{`{"v": {"$gt": "a\u0000", "$lt": "a_"}}`, "nul"},
			{`{"v": {"$gt": "z"}}`, "composed crab ffff"},
			{`{"v": {"$gt": "\uffff"}}`, "crab"}, // by code point, not by UTF-16 unit
			{`{"v": {"$gt": 0}}`, ""},
			{`{"v": {"$gte": ""}, "w": null}`, "empty a A ab b space composed decomposed crab ffff percent underscore quote double backslash newline nul digit word nil"},
			{`{"v": {"$contains": "a"}}`, "a ab space underscore double nul"},
			{`{"v": {"$contains": "_"}}`, "underscore"},
			{`{"v": {"$contains": "%"}}`, "percent"},
			{`{"v": {"$contains": "'"}}`, "quote"},
			{`{"v": {"$contains": "\""}}`, "double"},
			{`{"v": {"$contains": "\\"}}`, "backslash"},
			{`{"v": {"$contains": "\\n"}}`, "backslash"},
			{`{"v": {"$contains": "\n"}}`, "newline"},
			{`{"v": {"$contains": "new"}}`, "backslash newline"},
			{`{"v": {"$contains": "\u0000"}}`, "nul"},
			{`{"v": {"$contains": "e"}}`, "decomposed backslash newline word"},
			{`{"v": {"$contains": "A"}}`, "A"},
			{`{"v": {"$contains": 1}}`, ""},
			{`{"v": {"$contains": ""}, "w": null}`, "empty a A ab b space composed decomposed crab ffff percent underscore quote double backslash newline nul digit word nil"},
			{`{"v": {"$in": ["a", "b", "a", 1, null]}}`, "a b"},
		},
	},
	{
		"types",
		`
		int: {"v": 1}
		text: {"v": "x"}
		false: {"v": false}
		true: {"v": true}
		null: {"v": null}
		none: {"w": 1}
		list: {"v": []}
		map: {"v": {}}
		blob: {"v": {"$blob": "AAE="}}
		`,
		[]filterCase{
			{`{}`, "int text false true null none list map blob"},
			{`{"v": null}`, "null none"},
			{`{"v": {"$eq": null}}`, "null none"},
			{`{"v": {"$ne": null}}`, "int text false true list map blob"},
			{`{"v": {"$exists": true}}`, "int text false true null list map blob"},
			{`{"v": {"$exists": false}}`, "none"},
			{`{"v": {"$exists": true, "$eq": null}}`, "null"},
			{`{"v": {"$exists": false, "$eq": null}}`, "none"},
			{`{"v": {"$exists": false, "$ne": null}}`, ""},
			{`{"v": true}`, "true"},
			{`{"v": false}`, "false"},
			{`{"v": {"$ne": true}}`, "int text false null none list map blob"},
			{`{"v": {"$ne": 1}}`, "text false true null none list map blob"},
			{`{"v": {"$ne": 2}}`, "int text false true null none list map blob"},
			{`{"v": {"$ne": "1"}}`, "int text false true null none list map blob"},
			{`{"v": 0}`, ""},
			{`{"v": ""}`, ""},
			{`{"v": {"$gt": false}}`, "true"},
			{`{"v": {"$gte": false}}`, "false true"},
			{`{"v": {"$lt": true}}`, "false"},
			{`{"v": {"$lte": false}}`, "false"},
			{`{"v": {"$gt": null}}`, ""},
			{`{"v": {"$gte": null}}`, "null none"},
			{`{"v": {"$lte": null}}`, "null none"},
			{`{"v": {"$lt": null}}`, ""},
			{`{"v": {"$gt": 0}}`, "int"},
			{`{"v": {"$lt": 2}}`, "int"},
			{`{"v": {"$lt": "y"}}`, "text"},
			{`{"v": {"$in": []}}`, ""},
			{`{"v": {"$nin": []}}`, "int text false true null none list map blob"},
			{`{"v": {"$in": [null]}}`, "null none"},
			{`{"v": {"$in": [true, null, "x"]}}`, "text true null none"},
			{`{"v": {"$nin": [null, 1]}}`, "text false true list map blob"},
			{`{"v": {"$nin": [1, "x", true, false]}}`, "null none list map blob"},
			{`{"v": []}`, "list"},
			{`{"v": {}}`, "map"},
			{`{"v": {"$eq": {}}}`, "map"},
			{`{"v": {"$in": [[], {}]}}`, "list map"},
			{`{"v": {"$blob": "AAE="}}`, "blob"},
			{`{"v": {"$eq": {"$blob": "AAE="}}}`, "blob"},
			{`{"v": {"$in": [{"$blob": "AAE="}, 1]}}`, "int blob"},
			{`{"v": {"$ne": {"$blob": "AAE="}}}`, "int text false true null none list map"},
			{`{"v": {"$blob": "AAI="}}`, ""},
			{`{"v": "AAE="}`, ""},
			{`{"v.\\$blob": "AAE="}`, ""},
			{`{"v.\\$blob": {"$exists": true}}`, ""},
			{`{"v": {"$not": {"$gt": 0}}}`, "text false true null none list map blob"},
			{`{"v": {"$not": {"$exists": true}}}`, "none"},
			{`{"v": {"$not": 1}}`, "text false true null none list map blob"},
			{`{"v": {"$not": {"$not": {"$eq": 1}}}}`, "int"},
			{`{"v": {"$contains": null}}`, ""},
		},
	},
	{
		"arrays of maps",
		`
		two: {"items": [{"sku": "a", "n": 1, "tags": ["x"]}, {"sku": "b", "n": 5}]}
		one: {"items": [{"sku": "b", "n": 1, "parts": [{"id": 7}, {"id": 8}]}]}
		none: {"items": []}
		lacks: {"items": [{"n": 3}, {"sku": "c"}]}
		mixed: {"items": [1, "sku", null, [{"sku": "a"}], {"sku": "d"}]}
		scalars: {"items": [1, 2]}
		map: {"items": {"sku": "a"}}
		text: {"items": "sku"}
		missing: {}
		`,
		[]filterCase{
			{`{"items.sku": "a"}`, "two map"},
			{`{"items.sku": {"$in": ["a", "d"]}}`, "two mixed map"},
			{`{"items.sku": {"$ne": "a"}}`, "one none lacks mixed scalars text missing"},
			{`{"items.sku": {"$nin": ["a", "b"]}}`, "none lacks mixed scalars text missing"},
			{`{"items.sku": {"$not": {"$eq": "a"}}}`, "one none lacks mixed scalars text missing"},
			{`{"$not": {"items.sku": "b"}}`, "none lacks mixed scalars map text missing"},
			{`{"items.sku": null}`, "none lacks scalars text missing"},
			{`{"items.sku": {"$exists": true}}`, "two one lacks mixed map"},
			{`{"items.sku": {"$exists": false}}`, "none scalars text missing"},
			{`{"items.n": {"$gt": 2}}`, "two lacks"},
			{`{"items.n": {"$gt": 2, "$lt": 4}}`, "two lacks"}, // each by one of them
			{`{"items.n": {"$gt": 4, "$lt": 2}}`, "two"},
			{`{"items.0.sku": "b"}`, "one"},
			{`{"items.parts.id": 8}`, "one"},
			{`{"items.tags": {"$contains": "x"}}`, "two"},
			{`{"items.sku": {"$contains": "a"}}`, "two map"},
			{`{"items": {"$size": 2}}`, "two lacks scalars"},
			{`{"items": {"$size": 0}}`, "none"},
			{`{"items": {"$size": 1.0}}`, "one"},
			{`{"items.parts": {"$size": 2}}`, "one"},
			{`{"items": {"$not": {"$size": 2}}}`, "one none mixed map text missing"},
		},
	},
	{
		"names of the envelope",
		`
		own: {"id": 5, "version": "old", "created_at": "1999-01-01T00:00:00Z"}
		without: {}
		null: {"version": null}
		`,
		[]filterCase{
			{`{"id": 5}`, "own"},
			{`{"id": {"$gt": ""}}`, "without null"},
			{`{"$id": {"$gt": ""}}`, "own without null"},
			{`{"version": 1}`, "without"},
			{`{"$version": 1}`, "own without null"},
			{`{"$version": {"$gt": 1}}`, ""},
			{`{"created_at": {"$lt": "2000-01-01T00:00:00Z"}}`, "own"},
			{`{"created_at": {"$gt": "2000-01-01"}}`, "without null"},
			{`{"$created_at": {"$lt": "2000-01-01T01:00:00+01:00"}}`, ""},
			{`{"$updated_at": {"$gte": "2000-01-01", "$lt": "2999-12-31"}}`, "own without null"},
			{`{"$updated_at": {"$in": ["2000-01-01", "2000-01-02"]}}`, ""},
			{`{"$updated_at": {"$nin": ["2000-01-01", "2000-01-02"]}}`, "own without null"},
			{`{"$updated_at": null}`, ""},
		},
	},
	{
		"paths",
		`
		deep: {"a": {"b": {"c": 1}}}
		flat: {"a.b.c": 1}
		partly: {"a": {"b.c": 1}}
		list: {"a": [{"b": 1}, {"b": 2}]}
		numbered: {"a": {"0": {"b": 1}, "1": 5, "-1": 6, "01": 7}}
		plain: {"a": [5, 6, [7, 8]]}
		dollar: {"$a": 1, "a": {"$b": 2}}
		slash: {"a\\b": 1}
		quote: {"a\"b": 1, "it's": 2}
		unicode: {"ключ": {"🦀": 1}}
		blank: {" ": 1, "a b": 2}
		empty: {"": 1}
		blobbed: {"a": {"$blob": "", "b": {"c": 1}}}
		like-blob: {"a": {"$blob": "no base64"}}
		control: {"a\nb": 1, "c\u0001": 2}
		`,
		[]filterCase{
			{`{"a.b.c": 1}`, "deep blobbed"},
			{`{"a.b": {"c": 1}}`, "deep blobbed"},
			{`{"a": {"b": {"c": 1}}}`, "deep"},
			{`{"a.b": {"$exists": true}}`, "deep list blobbed"},
			{`{"a.b.c.d": {"$exists": true}}`, ""},
			{`{"a.b.c.d": null, "a.b.c": 1}`, "deep blobbed"},
			{`{"a\\.b\\.c": 1}`, "flat"},
			{`{"a.b\\.c": 1}`, "partly"},
			{`{"a.0.b": 1}`, "list numbered"},
			{`{"a.1.b": 2}`, "list"},
			{`{"a.2.b": {"$exists": true}}`, ""},
			{`{"a.b": 1}`, "list"}, // in one of the elements
			{`{"a.0": 5}`, "plain"},
			{`{"a.1": {"$in": [5, 6]}}`, "numbered plain"},
			{`{"a.1": {"$exists": true}}`, "list numbered plain"},
			{`{"a.2.1": 8}`, "plain"},
			{`{"a.2.2": {"$exists": true}}`, ""},
			{`{"a.-1": {"$exists": true}}`, "numbered"},
			{`{"a.01": {"$exists": true}}`, "numbered"},
			{`{"a.00": {"$exists": true}}`, ""},
			{`{"a.+1": {"$exists": true}}`, ""},
			{`{"a. 1": {"$exists": true}}`, ""},
			{`{"a.4294967296": {"$exists": true}}`, ""},
			{`{"a.99999999999999999999": {"$exists": true}}`, ""},
			{`{"\\$a": 1}`, "dollar"},
			{`{"a.\\$b": 2}`, "dollar"},
			{`{"a\\\\b": 1}`, "slash"},
			{`{"a\"b": 1}`, "quote"},
			{`{"it's": 2}`, "quote"},
			{`{"ключ.🦀": 1}`, "unicode"},
			{`{" ": 1}`, "blank"},
			{`{"a b": 2}`, "blank"},
			{`{"a.\\$blob": "no base64"}`, "like-blob"},
			{`{"a.\\$blob": ""}`, "blobbed"},
			{`{"a\nb": 1}`, "control"},
			{`{"c\u0001": 2}`, "control"},
			{`{"a.length": {"$exists": true}}`, ""},
			{`{"A.b.c": 1}`, ""},
			{`{"a.b.c": {"$gte": 1, "$lt": 2, "$ne": 5, "$in": [1], "$exists": true}}`, "deep blobbed"},
		},
	},
	{
		"arrays and maps",
		`
		empty: {"v": []}
		one: {"v": [1]}
		ones: {"v": [1, 1]}
		floats: {"v": [1.0, 2.0]}
		pair: {"v": [1, 2]}
		swapped: {"v": [2, 1]}
		texts: {"v": ["1", "two", "x,y"]}
		nested: {"v": [[1, 2], {"a": 1, "b": [true, null]}]}
		blobs: {"v": [{"$blob": "AQ=="}]}
		null: {"v": [null]}
		map: {"v": {"a": 1, "b": [true, null]}}
		turned: {"v": {"b": [true, null], "a": 1.0}}
		more: {"v": {"a": 1, "b": [true, null], "c": null}}
		text: {"v": "[1]"}
		`,
		[]filterCase{
			{`{"v": []}`, "empty"},
			{`{"v": [1]}`, "one"},
			{`{"v": [1.0]}`, "one"},
			{`{"v": [1, 1]}`, "ones"},
			{`{"v": [1, 2]}`, "floats pair"},
			{`{"v": [2, 1]}`, "swapped"},
			{`{"v": ["1"]}`, ""},
			{`{"v": [null]}`, "null"},
			{`{"v": 1}`, ""},
			{`{"v": {"a": 1, "b": [true, null]}}`, "map turned"},
			{`{"v": {"b": [true, null], "a": 1}}`, "map turned"},
			{`{"v": {"a": 1}}`, ""},
			{`{"v": {"a": 1, "b": [true, null], "c": null}}`, "more"},
			{`{"v": {"$in": [[1], {"a": 1, "b": [true, null]}]}}`, "one map turned"},
			{`{"v": {"$ne": [1, 2]}}`, "empty one ones swapped texts nested blobs null map turned more text"},
			{`{"v": {"$contains": 1}}`, "one ones floats pair swapped"},
			{`{"v": {"$contains": 1.0}}`, "one ones floats pair swapped"},
			{`{"v": {"$contains": "1"}}`, "texts text"},
			{`{"v": {"$contains": "x"}}`, ""},
			{`{"v": {"$contains": "two"}}`, "texts"},
			{`{"v": {"$contains": "tw"}}`, ""},
			{`{"v": {"$contains": null}}`, "null"},
			{`{"v": {"$contains": [1, 2]}}`, "nested"},
			{`{"v": {"$contains": {"b": [true, null], "a": 1}}}`, "nested"},
			{`{"v": {"$contains": {"$blob": "AQ=="}}}`, "blobs"},
			{`{"v": {"$contains": "a"}}`, ""}, // of a map neither keys nor values
			{`{"v": {"$contains": 1}, "$not": {"v": {"$contains": 2}}}`, "one ones"},
			{`{"v": {"$gt": 0}}`, ""},
			{`{"v.0": 1}`, "one ones floats pair"},
			{`{"v.1.b.0": true}`, "nested"},
			{`{"v.1.b.1": {"$exists": true}}`, "nested"},
		},
	},
	{
		"logic",
		`
		1: {"a": 1, "b": 1}
		2: {"a": 1, "b": 2}
		3: {"a": 2, "b": 1}
		4: {"a": 2}
		5: {"b": 2}
		`,
		[]filterCase{
			{`{"a": 1, "b": 1}`, "1"},
			{`{"$and": [{"a": 1}, {"b": 1}]}`, "1"},
			{`{"$and": [{"a": 1}]}`, "1 2"},
			{`{"$and": [{}]}`, "1 2 3 4 5"},
			{`{"$or": [{"a": 1}, {"b": 1}]}`, "1 2 3"},
			{`{"$or": [{"a": 9}, {"b": 2}]}`, "2 5"},
			{`{"$or": [{"a": 9}, {"b": 9}]}`, ""},
			{`{"$or": [{"a": 1, "b": 2}, {"a": 2, "b": 1}]}`, "2 3"},
			{`{"$or": [{}, {"a": 9}]}`, "1 2 3 4 5"},
			{`{"$or": [{"a": 1}, {"b": {"$gt": 1}}]}`, "1 2 5"},
			{`{"$or": [{"a": 1}, {"a": {"$exists": false}}]}`, "1 2 5"},
			{`{"$not": {"a": 1}}`, "3 4 5"},
			{`{"$not": {"a": 1, "b": 1}}`, "2 3 4 5"},
			{`{"$not": {}}`, ""},
			{`{"$not": {"$not": {"a": 1}}}`, "1 2"},
			{`{"$not": {"$or": [{"a": 1}, {"b": 1}]}}`, "4 5"},
			{`{"a": {"$not": {"$gt": 1}}}`, "1 2 5"},
			{`{"a": {"$not": {"$gte": 1, "$lte": 1}}}`, "3 4 5"},
			{`{"a": 1, "$or": [{"b": 1}, {"b": 2}]}`, "1 2"},
			{`{"$or": [{"b": 1}, {"b": 2}], "$and": [{"a": {"$in": [1, 2]}}], "$not": {"a": 1, "b": 2}}`, "1 3"},
			{`{"$and": [{"$or": [{"a": 1}, {"a": 2}]}, {"$or": [{"b": 1}, {"b": null}]}]}`, "1 3 4"},
			{`{"a": {"$eq": 1, "$ne": 1}}`, ""},
			{`{"a": {"$in": [1, 2], "$nin": [2]}}`, "1 2"},
			{`{"a": {"$ne": 1}, "b": {"$ne": 1}}`, "4 5"},
		},
	},
	{
		"attacks",
		`
		a: {"v": "x"}
		b: {"v": "' OR '1'='1"}
		c: {"v": "\"}') --"}
		d: {"$.v": 1, "v')": 1, "$1": 1, "?": 1}
		`,
		[]filterCase{
			{`{"v": "' OR '1'='1"}`, "b"},
			{`{"v": "' OR 1=1 --"}`, ""},
			{`{"v": "\"}') --"}`, "c"},
			{`{"v": "x'; DROP TABLE docs; --"}`, ""},
			{`{"v": "$1"}`, ""},
			{`{"v": "?"}`, ""},
			{`{"v": {"$in": ["x') OR (1=1", "x"]}}`, "a"},
			{`{"v')": 1}`, "d"},
			{`{"v') OR 1=1 --": 1}`, ""},
			{`{"?": 1}`, "d"},
			{`{"\\$1": 1}`, "d"},
			{`{"\\$\\.v": 1}`, "d"},
			{`{"\\$.v": "x"}`, ""},
			{`{"*": {"$exists": true}}`, ""},
			{`{"v[0]": {"$exists": true}}`, ""},
			{`{"{v}": {"$exists": true}}`, ""},
			{`{"v": {"$contains": "%"}}`, ""},
			{`{"v": {"$contains": "' OR"}}`, "b"},
			{`{"id": {"$exists": true}}`, "a b c d"}, // each document's own
			{`{"app_id": {"$exists": true}}`, ""},
			{`{"v": "x"}`, "a"}, // everything is still there
		},
	},
}

func TestFilters(t *testing.T) {
	onBoth(t, func(t *testing.T, f fixture) {
		count := 0
		for i, topic := range filterTopics {
			t.Run(topic.name, func(t *testing.T) {
				names := f.load(t, topic.name, topic.docs)
				other := filterTopics[(i+1)%len(filterTopics)]
				f.load(t, topic.name+" of another", other.docs)
				for _, c := range topic.cases {
					count++
					assert.Equal(t, c.finds, f.find(t, topic.name, names, docs.Query{Filter: value(t, c.filter)}), c.filter)
					n, err := f.Count(f.ctx, f.app, topic.name, value(t, c.filter))
					require.NoError(t, err)
					assert.Equal(t, len(strings.Fields(c.finds)), int(n), "count of %s", c.filter)
				}
			})
		}
		assert.Greater(t, count, 200)
	})
}

func TestFiltersRefused(t *testing.T) {
	nested := func(depth int) string {
		return strings.Repeat(`{"$not":`, depth) + `{"a":1}` + strings.Repeat(`}`, depth)
	}
	many := func(n int, element string) string {
		return strings.TrimSuffix(strings.Repeat(element+",", n), ",")
	}
	f := newFixture(t, databases["sqlite"])
	for _, c := range []struct{ filter, field, reason string }{
		{`[]`, "filter", "must be a map, got an array"},
		{`"a"`, "filter", "must be a map, got a string"},
		{`{"$blob": "AA=="}`, "filter", "must be a map, got a blob"},
		{`{"$where": "1"}`, "filter.$where", "unknown operator"},
		{`{"$": 1}`, "filter.$", "unknown operator"},
		{`{"$gt": 1}`, "filter.$gt", "under a path"},
		{`{"$eq": {"a": 1}}`, "filter.$eq", "under a path"},
		{`{"a": {"$foo": 1}}`, "filter.a.$foo", "unknown operator; known are $eq"},
		{`{"a": {"$GT": 1}}`, "filter.a.$GT", "unknown operator"},
		{`{"a": {"$gt": 1, "b": 2}}`, "filter.a.b", "beside operators"},
		{`{"a": {"$size": -1}}`, "filter.a.$size", "must be an integer of 0 or more, got -1"},
		{`{"a": {"$size": "1"}}`, "filter.a.$size", `must be an integer of 0 or more, got "1"`},
		{`{"$created_at": {"$gt": 5}}`, "filter.$created_at.$gt", "must be a time (RFC 3339) or a day"},
		{`{"$created_at": "yesterday"}`, "filter.$created_at", `got "yesterday"`},
		{`{"$created_at": {"$in": ["2026-01-01", "x"]}}`, "filter.$created_at.$in", `got "x"`},
		{`{"a": {"b": 2, "$gt": 1}}`, "filter.a.b", "beside operators"},
		{`{"a": {"$and": [{"$gt": 1}]}}`, "filter.a.$and", "unknown operator"},
		{`{"a": {"$not": {"$foo": 1}}}`, "filter.a.$not.$foo", "unknown operator"},
		{`{"$and": {}}`, "filter.$and", "must be an array of filters, got a map"},
		{`{"$and": []}`, "filter.$and", "at least one"},
		{`{"$or": []}`, "filter.$or", "at least one"},
		{`{"$or": [{"a": 1}, 5]}`, "filter.$or[1]", "must be a map, got a number"},
		{`{"$or": [{"a": 1}, {"b": {"$x": 1}}]}`, "filter.$or[1].b.$x", "unknown operator"},
		{`{"$not": []}`, "filter.$not", "must be a map, got an array"},
		{`{"$not": 1}`, "filter.$not", "must be a map, got a number"},
		{`{"a": {"$in": 1}}`, "filter.a.$in", "must be an array of values, got a number"},
		{`{"a": {"$nin": "x"}}`, "filter.a.$nin", "must be an array of values, got a string"},
		{`{"a": {"$exists": 1}}`, "filter.a.$exists", "must be true or false, got a number"},
		{`{"a": {"$exists": null}}`, "filter.a.$exists", "must be true or false, got null"},
		{`{"a": {"$gt": []}}`, "filter.a.$gt", "got an array"},
		{`{"a": {"$lte": {"b": 1}}}`, "filter.a.$lte", "got a map"},
		{`{"a": {"$lt": {"$blob": ""}}}`, "filter.a.$lt", "got a blob"},
		{`{"": 1}`, "filter.", "empty key"},
		{`{".a": 1}`, "filter..a", "empty key"},
		{`{"a.": 1}`, "filter.a.", "empty key"},
		{`{"a..b": 1}`, "filter.a..b", "empty key"},
		{`{"a.$gt": 1}`, "filter.a.$gt", "has an operator in it"},
		{`{"a\\b": 1}`, `filter.a\b`, `has a \ that`},
		{`{"a\\": 1}`, `filter.a\`, `has a \ that`},
		{`{"a": 1, "a": 2}`, "filter.a", "the key occurs twice"},
		{`{"a": {"b": [{"c": 1, "c": 2}]}}`, "filter.a.b[0].c", "the key occurs twice"},
		{nested(17), "filter" + strings.Repeat(".$not", 17), "nested deeper than 16 levels"},
		{`{"a": ` + strings.Repeat(`{"$not":`, 17) + `1` + strings.Repeat(`}`, 18), "filter.a" + strings.Repeat(".$not", 17), "nested deeper than 16 levels"},
		{`{"` + strings.Repeat("a.", 32) + `a": 1}`, "filter." + strings.Repeat("a.", 32) + "a", "a path may have 32 keys"},
		{`{"a": {"$in": [` + many(1001, "1") + `]}}`, "filter.a.$in", "at most 1000 values, got 1001"},
		{`{"$or": [` + many(257, `{"a":1}`) + `]}`, "filter.$or[256].a", "256 conditions"},
		{`{"a": "` + strings.Repeat("x", 64<<10) + `"}`, "filter", "must be at most 65536 bytes as JSON, got 65544"},
	} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Filter: value(t, c.filter)})
		refused(t, err, c.field, c.reason)
		_, err = f.Count(f.ctx, f.app, "c", value(t, c.filter))
		refused(t, err, c.field, c.reason)
	}
	for _, filter := range []string{nested(16), `{"$or": [` + many(256, `{"a":1}`) + `]}`, `{"a": {"$in": [` + many(1000, "1") + `]}}`} {
		_, err := f.Find(f.ctx, f.app, "c", docs.Query{Filter: value(t, filter)})
		require.NoError(t, err, fmt.Sprintf("%.60s", filter))
	}
}
