package reference

import "github.com/picloud/picloud/abi"

var random = Module{Name: "random", Title: "Chance", About: "Fit for tokens and keys: no two executions have the same. Each value is as likely as the others.",
	Rows: []Row{
		{Name: "int", Takes: "from: int, to: int", Returns: "int", Says: "An integer between two, both included.", Fails: invalid("`from` is above `to`"), Example: `
let dice = random::int(1, 6);
print(dice >= 1 && dice <= 6);   // prints true
`},
		{Name: "float", Returns: "float", Says: "A number from 0.0 up to, but not, 1.0.", Example: `
print(random::float() < 1.0);   // prints true
`},
		{Name: "bool", Returns: "bool", Says: "`true` or `false`.", Example: `
print(type_of(random::bool()));   // prints bool
`},
		{Name: "bytes", Takes: "length: int", Returns: "blob", Says: "So many bytes.", Fails: invalid("the length is negative"), Example: `
print(random::bytes(16).len());   // prints 16
`},
		{Name: "string", Takes: "length: int [, alphabet: string]", Returns: "string", Says: "So many characters: of letters and digits, or of an alphabet.", Fails: invalid("the length is negative, or the alphabet empty"), Example: `
print(random::string(24).len());    // prints 24
print(random::string(3, "x"));      // prints xxx
`},
		{Name: "choice", Takes: "items: array", Returns: "any", Says: "One of the items.", Fails: invalid("there are none"), Example: `
print(random::choice(["tea"]));   // prints tea
`},
		{Name: "shuffle", Takes: "items: array", Returns: "array", Says: "The items in another order.", Example: `
let cards = random::shuffle([1, 2, 3]);
cards.sort();
print(cards);   // prints [1, 2, 3]
`},
	}}

const unit = "the time is none, the unit is unknown, or the result is not between the years 1 and 9999"

var time = Module{Name: "time", Title: "Times, dates and zones", About: `
A time is an integer, milliseconds since 1970 UTC, or a text of RFC 3339 between the years 1 and 9999, as ` + "`\"2026-01-31T12:00:00Z\"`" + `; a date alone is its midnight in UTC. A zone
is ` + "`\"UTC\"`" + ` or a name of the IANA database, as ` + "`\"Europe/Zurich\"`" + `.

A pattern is one of strftime:

| | |
|---|---|
| ` + "`%Y %m %d`" + `, ` + "`%F`" + ` | year, month, day; all three with hyphens |
| ` + "`%H %M %S %L`" + `, ` + "`%T`" + ` | hour, minute, second, milliseconds; the first three with colons |
| ` + "`%z %:z %Z`" + ` | the offset, ` + "`+0100`" + ` or ` + "`+01:00`" + `; the name, ` + "`CET`" + ` |
| ` + "`%B %b %A %a`" + ` | the month and the day of the week, in English, in full or short |
| ` + "`%e %j %u %y`" + ` | the day padded by a space; the day of the year; of the week, 1 is Monday; the year in two digits |
| ` + "`%I %p`" + ` | the hour of AM and PM |
| ` + "`%s %%`" + ` | seconds since 1970; a percent sign |`,
	Rows: []Row{
		{Name: "now", Returns: "string", Says: "The time, as a text in UTC.", Example: `
print(time::now().sub_string(0, 2));   // prints 20
`},
		{Name: "now_ms", Returns: "int", Says: "The time, in milliseconds since 1970 UTC.", Example: `
print(time::now_ms() > 1_700_000_000_000);   // prints true
`},
		{Name: "parse", Takes: "text: string [, pattern: string [, zone: string]]", Returns: "int", Says: "The time that a text tells, in milliseconds; without a pattern it is one of RFC 3339.",
			More: "A text without an offset is in the zone, or in UTC.", Fails: invalid("the text is not as the pattern says, or not between the years 1 and 9999"), Example: `
print(time::parse("2026-01-31T12:00:00Z"));                          // prints 1769860800000
print(time::parse("31.01.2026", "%d.%m.%Y", "Europe/Zurich"));       // prints 1769814000000
`},
		{Name: "format", Takes: "time: int | string [, pattern: string [, zone: string]]", Returns: "string", Says: "A text of a time; without a pattern it is one of RFC 3339 in UTC.",
			More: "A text keeps its offset unless a zone is given.", Fails: invalid("the time or the pattern is none"), Example: `
print(time::format(0));                                              // prints 1970-01-01T00:00:00.000Z
print(time::format(0, "%A, %e %B %Y, %H:%M", "Europe/Zurich"));      // prints Thursday,  1 January 1970, 01:00
`},
		{Name: "in_zone", Takes: "time: int | string, zone: string", Returns: "string", Says: "The time as a text with the zone's offset.", Fails: invalid("the time or the zone is none"), Example: `
print(time::in_zone("2026-07-01T12:00:00Z", "Europe/Zurich"));   // prints 2026-07-01T14:00:00.000+02:00
`},
		{Name: "add", Takes: "time: int | string, amounts: map [, zone: string]", Returns: "int | string",
			Says: "The time by so many `years months weeks days hours minutes seconds ms` later, in the type it had.",
			More: "What is not shorter than a day goes by the clock of the zone; a month that has no such day has its last.", Fails: invalid(unit), Example: `
print(time::add("2026-01-31T12:00:00Z", #{months: 1}));   // prints 2026-02-28T12:00:00.000Z
print(time::add(0, #{hours: 1, minutes: -1}));            // prints 3540000
`},
		{Name: "diff", Takes: "from: int | string, to: int | string [, unit: string]", Returns: "int | float",
			Says: "How long it is from one time to another: milliseconds, or a float in `seconds`, `minutes`, `hours`, `days` or `weeks`.", Fails: invalid(unit), Example: `
print(time::diff("2026-01-01", "2026-01-31", "days"));   // prints 30.0
print(time::diff(0, 1500));                              // prints 1500
`},
		{Name: "start_of", Takes: "time: int | string, unit: string [, zone: string]", Returns: "int | string",
			Says: "The beginning of its `minute`, `hour`, `day`, `week` (Monday), `month` or `year`, in the type it had.", Fails: invalid(unit), Example: `
print(time::start_of("2026-01-31T12:34:56Z", "month"));   // prints 2026-01-01T00:00:00.000Z
`},
		{Name: "parts", Takes: "time: int | string [, zone: string]", Returns: "map",
			Says: "`#{year, month, day, hour, minute, second, ms, weekday, yearday, offset, zone}`: integers but the zone; `weekday` is 1 on Mondays, `offset` in seconds.", Fails: invalid("the time or the zone is none"), Example: `
let parts = time::parts("2026-01-31T12:00:00Z", "Europe/Zurich");
print(parts.hour);      // prints 13
print(parts.weekday);   // prints 6
`},
	}}

var uuid = Module{Name: "uuid", Title: "UUIDs", About: "Texts of RFC 9562, in lower case.",
	Rows: []Row{
		{Name: "v4", Returns: "string", Says: "A UUID of chance alone.", Example: `
print(uuid::v4().len());   // prints 36
`},
		{Name: "v7", Returns: "string", Says: "A UUID that begins with the time: those that are made later come later in order.", Example: `
print(uuid::v7() < uuid::v7());   // prints true
`},
	}}

// digests are the rows of a hash and of its code of authentication.
func digests(name, called, of, sum, keyed string) []Row {
	return []Row{
		{Name: name, Takes: "data: string | blob", Returns: "string", Says: "The " + called + " of data, in hexadecimal.", Example: `
print(crypto::` + name + `("tea").sub_string(0, 8));   // prints ` + sum + `
`},
		{Name: name + "_bytes", Takes: "data: string | blob", Returns: "blob", Says: "The " + called + " of data, " + of + " bytes.", Example: `
print(crypto::` + name + `_bytes("tea").len());   // prints ` + of + `
`},
		{Name: "hmac_" + name, Takes: "key: string | blob, data: string | blob", Returns: "string", Says: "The code of authentication of data by " + called + " (RFC 2104), in hexadecimal.", Example: `
print(crypto::hmac_` + name + `("key", "tea").sub_string(0, 8));   // prints ` + keyed + `
`},
		{Name: "hmac_" + name + "_bytes", Takes: "key: string | blob, data: string | blob", Returns: "blob", Says: "The code of authentication of data by " + called + ", " + of + " bytes.", Example: `
print(crypto::hmac_` + name + `_bytes("key", "tea").len());   // prints ` + of + `
`},
	}
}

var crypto = Module{Name: "crypto", Title: "Digests, signatures and passwords", About: `
Data and keys are blobs, or strings for their UTF-8. SHA-1 is for what others still sign with it.

A signature is checked by ` + "`ed25519`, `rsa_sha256`, `rsa_sha512`, `rsa_pss_sha256`, `rsa_pss_sha512` or `ecdsa_sha256`" + `, with a public key as PEM or as a JSON Web Key.`,
	Rows: append(append(append(
		digests("sha256", "SHA-256", "32", "a9f74d1e", "300fb267"),
		digests("sha512", "SHA-512", "64", "bef801bf", "77fbc0bb")...),
		digests("sha1", "SHA-1", "20", "75490f32", "e8a2ed20")...),
		Row{Name: "constant_time_eq", Takes: "a: string | blob, b: string | blob", Returns: "bool", Says: "Whether both are equal, in a time that depends on their lengths alone: for signatures and tokens.", Example: `
let signature = crypto::hmac_sha256("key", "body");
print(crypto::constant_time_eq(signature, "forged"));   // prints false
`},
		Row{Name: "verify", Takes: "algorithm: string, key: string, data: string | blob, signature: blob", Returns: "bool", Op: abi.OpCryptoVerify,
			Says: "Whether a signature of data was made with the private part of a key.", Fails: invalid("the algorithm or the key is none"), Example: `
let key = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}";
let signature = base64::decode_url("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
let data = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
print(crypto::verify("ed25519", key, data, signature));         // prints true
print(crypto::verify("ed25519", key, data + "!", signature));   // prints false
`},
		Row{Name: "hash_password", Takes: "password: string [, algorithm: string]", Returns: "string", Op: abi.OpCryptoHashPassword,
			Says: "A hash to keep in the place of a password, by `argon2id`, or by `bcrypt`.", More: "It has its parameters with it, and takes long on purpose. It is not possible in a transaction.", Fails: invalid("the algorithm is another, or the password is longer than bcrypt takes"), Example: `
let hash = crypto::hash_password("correct horse");
print(hash.starts_with("$argon2id$"));   // prints true
`},
		Row{Name: "verify_password", Takes: "password: string, hash: string", Returns: "bool", Op: abi.OpCryptoVerifyPassword,
			Says: "Whether a hash is of a password.", Fails: invalid("the hash is none"), Example: `
let hash = crypto::hash_password("correct horse");
print(crypto::verify_password("correct horse", hash));   // prints true
print(crypto::verify_password("wrong horse", hash));     // prints false
`},
	)}

var jwt = Module{Name: "jwt", Title: "JSON Web Tokens", About: `
Tokens of RFC 7519 by ` + "`HS256`" + `, whose key is a secret of at least 32 bytes, ` + "`RS256`, `ES256` or `EdDSA`" + `, whose keys are PEM, or a JSON Web Key for the public one.`,
	Rows: []Row{
		{Name: "sign", Takes: "claims: map, key: string, algorithm: string", Returns: "string", Op: abi.OpJWTSign, Says: "A token with the claims.", Fails: invalid("the key does not fit the algorithm, or is too short"), Example: `
let token = jwt::sign(#{sub: "ada"}, "a secret of at least 32 bytes, or more", "HS256");
print(token.split(".").len());   // prints 3
`},
		{Name: "verify", Takes: "token: string, key: string, algorithm: string [, options: #{leeway_ms: int}]", Returns: "map", Op: abi.OpJWTVerify,
			Says: "The claims of a token; throws when it is not signed with the key by the algorithm, or not valid now (`exp`, `nbf`).", Fails: invalid("the token is not valid, or the key does not fit"), Example: `
let key = "a secret of at least 32 bytes, or more";
let token = jwt::sign(#{sub: "ada"}, key, "HS256");
print(jwt::verify(token, key, "HS256").sub);   // prints ada
try { jwt::verify(token + "x", key, "HS256"); } catch (e) { print(e.code); }   // prints invalid
`},
	}}

var gzip = Module{Name: "gzip", Title: "Compression", About: "Gzip as of RFC 1952.",
	Rows: []Row{
		{Name: "compress", Takes: "data: string | blob", Returns: "blob", Op: abi.OpGzipCompress, Says: "The data, compressed.", Example: `
let text = "tea ";
text.pad(1_000, "tea ");
print(gzip::compress(text).len() < 100);   // prints true
`},
		{Name: "decompress", Takes: "data: string | blob", Returns: "blob", Op: abi.OpGzipDecompress, Says: "What was compressed.", Fails: invalid("the data are not gzip, or what they stand for is larger than it may be"), Example: `
print(gzip::decompress(gzip::compress("tea")).as_string());   // prints tea
`},
	}}
