#include "ad/watermark.hpp"

#include <charconv>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

constexpr std::string_view kDirSync = "dirsync2";
constexpr std::string_view kPolling = "polling1";

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

std::chrono::sys_seconds at(std::int64_t seconds) {
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

}  // namespace

std::string to_text(const Watermark& watermark) {
  std::string out(watermark.way == Way::dirsync ? kDirSync : kPolling);
  out += ' ' + std::to_string(watermark.flags);
  out += watermark.saw_deletions ? " 1 " : " 0 ";
  out += std::to_string(watermark.committed_usn);
  out += ' ' + std::to_string(watermark.server_time.time_since_epoch().count());
  out += ' ' + std::to_string(watermark.complete_at.time_since_epoch().count());
  if (watermark.way == Way::dirsync)
    out += ' ' + base::base64_encode(watermark.cookie);
  return out;
}

std::optional<Watermark> parse_watermark(std::string_view text) {
  const auto parts = base::split(text, ' ');
  const bool dirsync = parts.size() == 7 && parts[0] == kDirSync;
  const bool polling = parts.size() == 6 && parts[0] == kPolling;
  if ((!dirsync && !polling) || (parts[2] != "0" && parts[2] != "1"))
    return std::nullopt;
  const auto flags = number<std::uint32_t>(parts[1]);
  const auto usn = number<std::uint64_t>(parts[3]);
  const auto time = number<std::int64_t>(parts[4]);
  const auto complete = number<std::int64_t>(parts[5]);
  if (!flags || !usn || !time || !complete)
    return std::nullopt;
  Watermark watermark{dirsync ? Way::dirsync : Way::polling,
                      *flags,
                      parts[2] == "1",
                      *usn,
                      at(*time),
                      at(*complete),
                      {}};
  if (dirsync) {
    auto cookie = base::base64_decode(parts[6]);
    if (!cookie || cookie->empty())
      return std::nullopt;
    watermark.cookie = std::move(*cookie);
  }
  return watermark;
}

}  // namespace gald::ad
