// `Content-Encoding: gzip` (RFC 1952, RFC 9110 section 8.4.1.3), both ways.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace gald::net {

struct Gunzipped {
  enum class Problem {
    none,
    broken,     ///< not gzip, a wrong checksum, or not all of it
    too_large,  ///< more than `limit` bytes; how many, nobody knows
  };
  Problem problem = Problem::none;
  std::string text;
};

/// Reads all members of the stream and never makes more than `limit` bytes of it, however much a
/// small body claims to hold. The text has spare capacity of 64 bytes, because simdjson wants to
/// read behind the end and would copy it otherwise.
Gunzipped gunzip(std::string_view compressed, std::uint64_t limit);

std::string gzip(std::string_view text);

/// Makes one gzip stream of pieces.
class GzipWriter {
 public:
  /// The memory that it keeps: a quarter of a megabyte, or 32 KiB for those of which there are
  /// many.
  enum class Room { usual, small };

  explicit GzipWriter(Room room);
  ~GzipWriter();
  GzipWriter(GzipWriter&&) noexcept;
  GzipWriter& operator=(GzipWriter&&) noexcept;

  /// Whoever reads what this returns can read all of the piece: nothing is held back.
  std::string add(std::string_view piece, bool end);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gald::net
