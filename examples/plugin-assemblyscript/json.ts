// As much JSON as a plugin needs: reading a member of what PiCloud hands in, and
// putting a string in quotes. It takes the libraries' place because a plugin must
// read any request whole, whatever a stranger has put into its body.

const QUOTE: i32 = 0x22; // "
const COMMA: i32 = 0x2c; // ,
const COLON: i32 = 0x3a; // :
const BACKSLASH: i32 = 0x5c; // \

// A JSON value, read where it stands among the bytes of a text. PiCloud's texts are
// valid; of another this reads nonsense, yet nothing outside of it.
export class Value {
  private at: i32; // where it begins; the end of the text when it does not exist

  constructor(private text: Uint8Array, from: i32 = 0) {
    this.at = this.space(from);
  }

  get exists(): bool {
    return this.at < this.text.length;
  }

  get isObject(): bool {
    return this.byte(this.at) == 0x7b; // {
  }

  get isString(): bool {
    return this.byte(this.at) == QUOTE;
  }

  // A member of an object. When there is no such member the result does not exist.
  get(name: string): Value {
    let at = this.isObject ? this.space(this.at + 1) : this.text.length;
    while (this.byte(at) == QUOTE) {
      const key = new Value(this.text, at);
      at = this.space(key.end());
      if (this.byte(at) == COLON) at++;
      const value = new Value(this.text, at);
      if (key.string() == name) return value;
      at = this.space(value.end());
      if (this.byte(at) == COMMA) at = this.space(at + 1);
    }
    return new Value(this.text, this.text.length);
  }

  // The characters of a string, or what is given when this is none.
  string(otherwise: string = ""): string {
    if (!this.isString) return otherwise;
    const parts: string[] = [];
    let from = this.at + 1; // where the bytes since the last escape begin
    let at = from;
    while (this.byte(at) >= 0 && this.byte(at) != QUOTE) {
      if (this.byte(at) != BACKSLASH) {
        at++;
        continue;
      }
      parts.push(this.slice(from, at));
      if (this.byte(at + 1) == 0x75) { // \uXXXX is a unit of UTF-16, of which strings consist
        parts.push(String.fromCharCode(<i32>U32.parseInt(this.slice(at + 2, at + 6), 16)));
        at += 6;
      } else {
        parts.push(unescaped(this.byte(at + 1)));
        at += 2;
      }
      from = at;
    }
    parts.push(this.slice(from, at));
    return parts.join("");
  }

  // The value as JSON, or what is given when it does not exist.
  raw(otherwise: string = ""): string {
    return this.exists ? this.slice(this.at, this.end()) : otherwise;
  }

  // Where the value ends.
  private end(): i32 {
    let depth = 0;
    let at = this.at;
    do {
      const c = this.byte(at);
      if (c == QUOTE) {
        for (at++; this.byte(at) >= 0 && this.byte(at) != QUOTE; at++) {
          if (this.byte(at) == BACKSLASH) at++;
        }
        at++;
      } else if (c == 0x7b || c == 0x5b) { // { [
        depth++;
        at++;
      } else if (c == 0x7d || c == 0x5d) { // } ]
        depth--;
        at++;
      } else { // a number or a word; between values also what divides them
        for (at++; isPlain(this.byte(at)); ) at++;
      }
    } while (depth > 0 && at < this.text.length);
    return min(at, this.text.length);
  }

  private space(at: i32): i32 {
    while (this.byte(at) >= 0 && this.byte(at) <= 0x20) at++;
    return min(at, this.text.length);
  }

  private byte(at: i32): i32 {
    return at < this.text.length ? this.text[at] : -1;
  }

  private slice(from: i32, to: i32): string {
    from = min(from, this.text.length);
    to = min(to, this.text.length);
    return String.UTF8.decodeUnsafe(this.text.dataStart + from, to - from);
  }
}

// Whether a byte goes on with a number, true, false or null.
function isPlain(c: i32): bool {
  return (c >= 0x61 && c <= 0x7a) || (c >= 0x30 && c <= 0x39) || c == 0x2b || c == 0x2d || c == 0x2e || c == 0x45;
}

// The character that an escape stands for.
function unescaped(c: i32): string {
  switch (c) {
    case 0x62: return "\b";
    case 0x66: return "\f";
    case 0x6e: return "\n";
    case 0x72: return "\r";
    case 0x74: return "\t";
    default: return String.fromCharCode(c);
  }
}

// A string as JSON.
export function quote(text: string): string {
  const parts: string[] = ['"'];
  let from = 0; // where the characters since the last escape begin
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c >= 0x20 && c != QUOTE && c != BACKSLASH) continue;
    parts.push(text.substring(from, i));
    parts.push(c < 0x20 ? "\\u" + c.toString(16).padStart(4, "0") : "\\" + text.charAt(i));
    from = i + 1;
  }
  parts.push(text.substring(from));
  parts.push('"');
  return parts.join("");
}
