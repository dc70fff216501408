// As much JSON (RFC 8259) as a plugin needs: finding a member, and reading a string.
// PiCloud's texts are valid; of another this reads nonsense, yet no byte outside of it,
// and it nests as deep as it likes without the stack growing.

#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A value where it stands in a text: from its first byte to the end of the text.
// A value that does not exist has no bytes.
typedef struct {
  const char *at, *end;
} json;

static inline bool json_exists(json value) { return value.at < value.end; }

// The byte at a place, 0 after the end.
static inline char json_byte(const char *at, const char *end) { return at < end ? *at : 0; }

static inline json json_value(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return (json){at, end};
}

// Where a string ends, given its opening quote.
static inline const char *json_string_end(json string) {
  const char *at = string.at + 1;
  while (at < string.end && *at != '"') at += *at == '\\' && string.end - at > 1 ? 2 : 1;
  return at < string.end ? at + 1 : string.end;
}

// Whether a byte goes on with a number, true, false or null.
static inline bool json_is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.' || c == 'E';
}

// Where a value ends.
static inline const char *json_end(json value) {
  size_t depth = 0;
  do {
    value = json_value(value.at, value.end);
    switch (json_byte(value.at, value.end)) {
      case '"': value.at = json_string_end(value); break;
      case '{': case '[': value.at++; depth++; break;
      case '}': case ']': value.at++; depth -= depth > 0; break;
      case ',': case ':': value.at++; break;
      default: // a number, true, false or null
        do value.at += value.at < value.end; while (json_is_plain(json_byte(value.at, value.end)));
    }
  } while (depth > 0 && value.at < value.end);
  return value.at;
}

// The unit of UTF-16 in an escape \uXXXX, or -1 when there is none.
static inline int32_t json_unit(const char *at, const char *end) {
  if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
  int32_t unit = 0;
  for (int i = 2; i < 6; i++) {
    char c = at[i];
    int32_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
    if (digit < 0) return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

// Reads one character of a string, an escape or a plain byte, and puts it in UTF-8:
// returns how many bytes that makes and moves on.
static inline size_t json_character(const char **at, const char *end, char utf8[4]) {
  char c = *(*at)++;
  if (c != '\\' || *at == end) {
    utf8[0] = c;
    return 1;
  }
  int32_t rune = json_unit(*at - 1, end);
  if (rune < 0) {
    c = *(*at)++;
    utf8[0] = c == 'b' ? '\b' : c == 'f' ? '\f' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
    return 1;
  }
  *at += 5;
  int32_t low = json_unit(*at, end);
  if (rune >= 0xd800 && rune < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
    rune = 0x10000 + ((rune - 0xd800) << 10) + (low - 0xdc00);
    *at += 6;
  } else if (rune >= 0xd800 && rune < 0xe000) {
    rune = 0xfffd; // half a pair is no character
  }
  size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
  for (size_t i = n - 1; i > 0; i--, rune >>= 6) utf8[i] = (char)(0x80 | (rune & 0x3f));
  utf8[0] = (char)(n == 1 ? rune : (0xf00 >> n & 0xff) | rune);
  return n;
}

// Puts the characters of a string into room bytes, in UTF-8: returns how many it needs,
// or -1 when the value is no string or they do not fit.
static inline ptrdiff_t json_string(json value, char *to, size_t room) {
  if (json_byte(value.at, value.end) != '"') return -1;
  const char *end = json_string_end(value);
  if (end - value.at < 2 || end[-1] != '"') return -1;
  size_t size = 0;
  for (const char *at = value.at + 1; at < end - 1;) {
    char utf8[4];
    size_t n = json_character(&at, end - 1, utf8);
    if (room - size < n) return -1;
    for (size_t i = 0; i < n; i++) to[size++] = utf8[i];
  }
  return (ptrdiff_t)size;
}

// Whether a value is the string that name is; name has at most 31 bytes.
static inline bool json_is(json value, const char *name) {
  char string[32];
  ptrdiff_t size = json_string(value, string, sizeof string - 1);
  if (size < 0) return false;
  string[size] = 0;
  for (ptrdiff_t i = 0; i <= size; i++) {
    if (string[i] != name[i]) return false;
    if (name[i] == 0) return i == size;
  }
  return false;
}

// A member of an object. When there is none the result does not exist.
static inline json json_member(json object, const char *name) {
  json missing = {object.end, object.end};
  if (json_byte(object.at, object.end) != '{') return missing;
  json key = json_value(object.at + 1, object.end);
  while (json_byte(key.at, key.end) == '"') {
    json value = json_value(json_string_end(key), key.end);
    if (json_byte(value.at, value.end) == ':') value = json_value(value.at + 1, value.end);
    if (json_is(key, name)) return value;
    key = json_value(json_end(value), value.end);
    if (json_byte(key.at, key.end) == ',') key = json_value(key.at + 1, key.end);
  }
  return missing;
}

#endif
