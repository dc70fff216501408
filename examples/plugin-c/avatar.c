// Avatars: a picture for each name, always the same one.
//
//   GET /avatars/:name?size=240
//
// How often each was drawn is counted in the collection "drawn".

#include "extism.h"
#include "json.h"
#include "png.h"

PICLOUD_OPERATION(kv_incr);

enum { NAME = 100, SMALLEST = 16, LARGEST = 1024 }; // bytes; pixels

// JSON as it is put together, in room that is known to suffice.
typedef struct {
  char *start, *at;
} writer;

static void put_bytes(writer *out, const char *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) *out->at++ = bytes[i];
}

static void put(writer *out, const char *text) {
  while (*text) *out->at++ = *text++;
}

// A value as it stands in another text: a string is in quotes and escaped already.
static void put_json(writer *out, json value) { put_bytes(out, value.at, (size_t)(json_end(value) - value.at)); }

// RFC 4648, with padding.
static void put_base64(writer *out, const uint8_t *bytes, size_t size) {
  const char *digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t i = 0; i < size; i += 3) {
    uint32_t three = (uint32_t)bytes[i] << 16;
    if (i + 1 < size) three |= (uint32_t)bytes[i + 1] << 8;
    if (i + 2 < size) three |= bytes[i + 2];
    *out->at++ = digits[three >> 18];
    *out->at++ = digits[three >> 12 & 63];
    *out->at++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
    *out->at++ = i + 2 < size ? digits[three & 63] : '=';
  }
}

// The ways in which handle ends.

static int32_t succeed(writer out) {
  size_t size = (size_t)(out.at - out.start);
  extism_output_set(extism_write(out.start, size), size);
  return 0;
}

static int32_t fail(const char *message, size_t size) {
  extism_error_set(extism_write(message, size));
  return 1;
}

static int32_t fail_for_memory(void) { return fail("out of memory", 13); }

// 422 with what must hold and what came instead, a value or none.
static int32_t refuse(const char *complaint, json got) {
  size_t size = (size_t)(json_end(got) - got.at);
  char *room = extism_pages(256 + size);
  if (!room) return fail_for_memory();
  writer out = {room, room};
  put(&out, "{\"statusCode\":422,\"body\":{\"error\":\"");
  put(&out, complaint);
  put(&out, "\",\"got\":");
  if (size > 0) put_json(&out, got); else put(&out, "null");
  put(&out, "}}");
  return succeed(out);
}

// What is asked for.

// Whether a name can be a key of the store, which has no control characters.
static bool is_name(const char *name, ptrdiff_t size) {
  for (ptrdiff_t i = 0; i < size; i++) {
    uint8_t c = (uint8_t)name[i], next = i + 1 < size ? (uint8_t)name[i + 1] : 0;
    if (c < 0x20 || c == 0x7f || (c == 0xc2 && next < 0xa0)) return false;
  }
  return size > 0;
}

// The size in pixels, or 0 when it is not one.
static uint32_t read_size(json value) {
  if (!json_exists(value)) return 240;
  char digits[4];
  ptrdiff_t size = json_string(value, digits, sizeof digits);
  uint32_t pixels = 0;
  for (ptrdiff_t i = 0; i < size; i++) {
    if (digits[i] < '0' || digits[i] > '9') return 0;
    pixels = pixels * 10 + (uint32_t)(digits[i] - '0');
  }
  return pixels >= SMALLEST && pixels <= LARGEST ? pixels : 0;
}

// Adds one to the count of a name, given as JSON. Returns what handle returns.
static int32_t count(json name) {
  char request[64 + 6 * NAME]; // no escape has more than six bytes
  writer out = {request, request};
  put(&out, "{\"collection\":\"drawn\",\"by\":1,\"key\":");
  put_json(&out, name);
  put(&out, "}");
  extism_block block = kv_incr(extism_write(out.start, (size_t)(out.at - out.start)));

  char answer[1024];
  size_t size = (size_t)extism_length(block);
  if (size > sizeof answer) size = sizeof answer;
  extism_read(answer, block, size);
  json error = json_member(json_value(answer, answer + size), "error");
  if (!json_exists(error)) return 0;
  char message[512];
  ptrdiff_t length = json_string(json_member(error, "message"), message, sizeof message);
  return length < 0 ? fail("kv_incr", 7) : fail(message, (size_t)length);
}

// The picture: five by five cells, the right the mirror of the left, with half a cell of
// margin.

// A hash whose every bit depends on every byte (FNV-1a, then the end of MurmurHash3).
static uint64_t hash_of(const char *name, size_t size) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (uint8_t)name[i]) * 0x100000001b3;
  hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
  hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
  return hash ^ hash >> 33;
}

// A colour of the wheel, 0xRRGGBB, neither pale nor dark; hue is below 6 * 128.
static uint32_t colour_of(uint32_t hue) {
  uint32_t rising = 64 + hue % 128, falling = 64 + 127 - hue % 128, high = 64 + 127, low = 64;
  const uint32_t wheel[6][3] = {
    {high, rising, low}, {falling, high, low}, {low, high, rising},
    {low, falling, high}, {rising, low, high}, {high, low, falling},
  };
  const uint32_t *c = wheel[hue / 128];
  return c[0] << 16 | c[1] << 8 | c[2];
}

static void draw(uint8_t *to, uint32_t side, uint64_t hash) {
  const uint32_t colours[2] = {0xf0f0f0, colour_of((uint32_t)(hash >> 32) % (6 * 128))};
  png image = png_begin(to, side, colours);
  for (uint32_t y = 0; y < side; y++) {
    uint8_t row[LARGEST / 8] = {0};
    for (uint32_t x = 0; x < side; x++) {
      uint32_t u = x * 12 / side, v = y * 12 / side; // in half cells, 0 to 11
      if (u < 1 || u > 10 || v < 1 || v > 10) continue;
      uint32_t column = (u - 1) / 2, line = (v - 1) / 2;
      if (column > 2) column = 4 - column;
      if (hash >> (line * 3 + column) & 1) row[x / 8] |= (uint8_t)(0x80 >> x % 8);
    }
    png_row(&image, row);
  }
  png_end(&image);
}

__attribute__((export_name("handle"))) int32_t handle(void) {
  size_t size = (size_t)extism_input_length();
  char *input = extism_pages(size);
  if (!input) return fail_for_memory();
  extism_read_input(input, size);
  json request = json_member(json_value(input, input + size), "request");

  char name[NAME];
  json wanted = json_member(json_member(request, "params"), "name");
  ptrdiff_t length = json_string(wanted, name, sizeof name);
  if (!is_name(name, length)) return refuse("name must have between 1 and 100 bytes and no control characters", wanted);
  json pixels = json_member(json_member(request, "query"), "size");
  uint32_t side = read_size(pixels);
  if (side == 0) return refuse("size must be an integer between 16 and 1024", pixels);

  if (count(wanted) != 0) return 1;

  size_t drawn = png_size(side);
  uint8_t *image = extism_pages(drawn);
  char *room = extism_pages(256 + (drawn + 2) / 3 * 4);
  if (!image || !room) return fail_for_memory();
  draw(image, side, hash_of(name, (size_t)length));

  writer out = {room, room};
  put(&out, "{\"statusCode\":200,\"headers\":{\"content-type\":\"image/png\",\"cache-control\":\"public, max-age=86400\"},\"body\":{\"$blob\":\"");
  put_base64(&out, image, drawn);
  put(&out, "\"}}");
  return succeed(out);
}
