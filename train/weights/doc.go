// Package weights reads and writes arrays ([graph.Array]) in one file of the safetensors
// format: eight bytes with the length of a JSON header, the header, the arrays'
// little-endian data end to end.
//
// What Write writes begins its data at a multiple of 64 bytes, widest type first, so
// that a mapped file is aligned. The header's metadata hold three texts:
// "fenchel.meta", what the caller has to say in JSON; "fenchel.crc32c", a JSON object
// of each array's checksum; and "fenchel.header_crc32c", that of all before the data
// with eight zeros in this place. CRC-32C is the checksum of RFC 3720. A file of
// another program, without the three, is read without that check.
//
// Source: the format's description in the repository huggingface/safetensors, of
// which the reader keeps every rule.
package weights
