#include "net/gzip.hpp"

#include <algorithm>

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

}  // namespace gald::net
