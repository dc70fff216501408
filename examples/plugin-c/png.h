// PNG images (ISO/IEC 15948) of two colours, row by row. A bit is a pixel, the image
// data is stored and not compressed (RFC 1950, RFC 1951 section 3.2.4).

#ifndef PNG_H
#define PNG_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *at;          // where the next byte goes
  uint32_t crc;         // of the chunk so far (CRC-32)
  uint32_t sum, sums;   // of the image data so far (Adler-32)
  uint32_t side, rows;  // pixels in a row, and rows to come
} png;

// The bytes of a row, besides the one that names its filter.
static inline uint32_t png_stride(uint32_t side) { return (side + 7) / 8; }

// The bytes of the chunk with the image data: each row is a stored block of its own.
static inline uint32_t png_data_size(uint32_t side) { return 2 + side * (5 + 1 + png_stride(side)) + 4; }

// The bytes of an image.
static inline size_t png_size(uint32_t side) { return 8 + (12 + 13) + (12 + 6) + (12 + png_data_size(side)) + 12; }

static inline void png_byte(png *image, uint8_t byte) {
  *image->at++ = byte;
  image->crc ^= byte;
  for (int i = 0; i < 8; i++) image->crc = image->crc >> 1 ^ (0xedb88320 & -(image->crc & 1));
}

static inline void png_number(png *image, uint32_t number) {
  for (int shift = 24; shift >= 0; shift -= 8) png_byte(image, (uint8_t)(number >> shift));
}

static inline void png_open_chunk(png *image, uint32_t size, const char *type) {
  png_number(image, size);
  image->crc = 0xffffffff;
  for (int i = 0; i < 4; i++) png_byte(image, (uint8_t)type[i]);
}

static inline void png_close_chunk(png *image) { png_number(image, ~image->crc); }

// A byte of the image data.
static inline void png_data(png *image, uint8_t byte) {
  png_byte(image, byte);
  image->sum = (image->sum + byte) % 65521;
  image->sums = (image->sums + image->sum) % 65521;
}

// Begins a square image at a place with room for png_size(side) bytes. Its colours are
// 0xRRGGBB, of pixels that are 0 and of those that are 1.
static inline png png_begin(uint8_t *at, uint32_t side, const uint32_t colours[2]) {
  png image = {.at = at, .sum = 1, .side = side, .rows = side};
  const uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  for (int i = 0; i < 8; i++) png_byte(&image, signature[i]);

  png_open_chunk(&image, 13, "IHDR");
  png_number(&image, side);
  png_number(&image, side);
  const uint8_t format[5] = {1, 3}; // a bit for each pixel, of a palette; the usual for the rest
  for (int i = 0; i < 5; i++) png_byte(&image, format[i]);
  png_close_chunk(&image);

  png_open_chunk(&image, 6, "PLTE");
  for (int i = 0; i < 2; i++) {
    for (int shift = 16; shift >= 0; shift -= 8) png_byte(&image, (uint8_t)(colours[i] >> shift));
  }
  png_close_chunk(&image);

  png_open_chunk(&image, png_data_size(side), "IDAT");
  png_byte(&image, 0x78); // deflate, a window of 32 KiB
  png_byte(&image, 0x01);
  return image;
}

// Adds a row of png_stride(side) bytes, the leftmost pixel in the highest bit.
static inline void png_row(png *image, const uint8_t *pixels) {
  uint32_t size = 1 + png_stride(image->side);
  png_byte(image, --image->rows == 0); // a stored block, the last or not
  png_byte(image, (uint8_t)size);
  png_byte(image, (uint8_t)(size >> 8));
  png_byte(image, (uint8_t)~size);
  png_byte(image, (uint8_t)(~size >> 8));
  png_data(image, 0); // no filter
  for (uint32_t i = 0; i + 1 < size; i++) png_data(image, pixels[i]);
}

// Ends the image after its last row.
static inline void png_end(png *image) {
  png_number(image, image->sums << 16 | image->sum);
  png_close_chunk(image);
  png_open_chunk(image, 0, "IEND");
  png_close_chunk(image);
}

#endif
