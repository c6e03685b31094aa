#include "net/gzip.hpp"

#include <algorithm>
#include <new>

#include <zlib.h>

namespace gald::net {

namespace {

constexpr std::size_t kSpare = 64;

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }  // 16: gzip, nothing else

  ~Inflater() {
    if (ready_)
      inflateEnd(&stream_);
  }

  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  bool ready() const { return ready_; }

  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Gunzipped gunzip(std::string_view compressed, std::uint64_t limit) {
  Gunzipped result;
  Inflater inflater;
  // zlib counts in 32 bits; a body of 4 GiB is beyond any limit of ours.
  if (!inflater.ready() || compressed.size() > 0xffffffffu) {
    result.problem = Gunzipped::Problem::broken;
    return result;
  }
  z_stream& stream = inflater.stream();
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());

  // One byte more than allowed is enough to know that it is too large.
  const std::uint64_t most = limit + 1;
  std::size_t filled = 0;
  result.text.resize(static_cast<std::size_t>(
      std::min<std::uint64_t>(most, std::max<std::uint64_t>(4096, compressed.size() * 8ull))));
  while (true) {
    const std::size_t room = std::min<std::size_t>(result.text.size() - filled, 1u << 30);
    stream.next_out = reinterpret_cast<Bytef*>(result.text.data() + filled);
    stream.avail_out = static_cast<uInt>(room);
    const int state = inflate(&stream, Z_NO_FLUSH);
    filled += room - stream.avail_out;
    if (filled > limit) {
      result.problem = Gunzipped::Problem::too_large;
      break;
    }
    if (state == Z_STREAM_END) {
      if (stream.avail_in == 0)
        break;
      if (inflateReset(&stream) == Z_OK)  // the next member
        continue;
    }
    if (state != Z_OK && !(state == Z_BUF_ERROR && stream.avail_out == 0)) {
      result.problem = Gunzipped::Problem::broken;
      break;
    }
    if (stream.avail_out != 0 && stream.avail_in == 0) {
      result.problem = Gunzipped::Problem::broken;  // it ends in the middle
      break;
    }
    if (filled == result.text.size())
      result.text.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(most, result.text.size() * 2ull)));
  }
  if (result.problem != Gunzipped::Problem::none) {
    result.text.clear();
    return result;
  }
  result.text.reserve(filled + kSpare);
  result.text.resize(filled);
  return result;
}

class GzipWriter::Impl {
 public:
  explicit Impl(Room room) {
    // The window and the memory of the compressor, as powers of two (zlib.h); 16: gzip.
    const int window = room == Room::small ? 12 : 15;
    const int memory = room == Room::small ? 5 : 8;
    if (deflateInit2(&stream_, kLevel, Z_DEFLATED, window + 16, memory, Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }

  ~Impl() { deflateEnd(&stream_); }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string add(std::string_view piece, bool end) {
    std::string out;
    do {
      // zlib counts in 32 bits.
      const std::string_view part = piece.substr(0, 1u << 30);
      piece.remove_prefix(part.size());
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
      stream_.avail_in = static_cast<uInt>(part.size());
      compress(out, end && piece.empty() ? Z_FINISH : Z_SYNC_FLUSH);
    } while (!piece.empty());
    return out;
  }

 private:
  void compress(std::string& out, int flush) {
    std::size_t filled = out.size();
    do {
      out.resize(filled + std::max<std::size_t>(stream_.avail_in / 4, 512));
      const std::size_t room = out.size() - filled;
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + filled);
      stream_.avail_out = static_cast<uInt>(room);
      deflate(&stream_, flush);
      filled += room - stream_.avail_out;
    } while (stream_.avail_out == 0);
    out.resize(filled);
  }

  static constexpr int kLevel = 5;

  z_stream stream_{};
};

GzipWriter::GzipWriter(Room room) : impl_(std::make_unique<Impl>(room)) {}

GzipWriter::~GzipWriter() = default;
GzipWriter::GzipWriter(GzipWriter&&) noexcept = default;
GzipWriter& GzipWriter::operator=(GzipWriter&&) noexcept = default;

std::string GzipWriter::add(std::string_view piece, bool end) {
  return impl_->add(piece, end);
}

std::string gzip(std::string_view text) {
  return GzipWriter(GzipWriter::Room::usual).add(text, true);
}

}  // namespace gald::net
