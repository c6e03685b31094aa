#include "ad/dirsync.hpp"

#include <charconv>

#include "base/encoding.hpp"
#include "base/text.hpp"

namespace gald::ad {

namespace {

constexpr unsigned char kInteger = 0x02;
constexpr unsigned char kOctetString = 0x04;
constexpr unsigned char kSequence = 0x30;

/// What .NET and the DirSync samples ask for. Samba does not look at it.
constexpr std::int32_t kMaxBytes = 1 << 20;

std::string tlv(unsigned char tag, std::string_view content) {
  std::string out(1, static_cast<char>(tag));
  if (content.size() < 0x80) {
    out += static_cast<char>(content.size());
  } else {
    std::string length;
    for (std::size_t rest = content.size(); rest != 0; rest >>= 8)
      length.insert(length.begin(), static_cast<char>(rest & 0xff));
    out += static_cast<char>(0x80 | length.size());
    out += length;
  }
  out += content;
  return out;
}

/// Two's complement in as few bytes as hold it, as BER demands.
std::string integer(std::int32_t value) {
  std::string bytes;
  std::int32_t rest = value;
  do {
    bytes.insert(bytes.begin(), static_cast<char>(rest & 0xff));
    rest >>= 8;
  } while (!(rest == 0 && (bytes.front() & 0x80) == 0) &&
           !(rest == -1 && (bytes.front() & 0x80) != 0));
  return tlv(kInteger, bytes);
}

/// Takes one element with `tag` off the front of `ber`.
std::optional<std::string_view> take(std::string_view& ber, unsigned char tag) {
  if (ber.size() < 2 || static_cast<unsigned char>(ber[0]) != tag)
    return std::nullopt;
  std::size_t length = static_cast<unsigned char>(ber[1]);
  std::size_t head = 2;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7f;
    if (count == 0 || count > 4 || ber.size() < 2 + count)
      return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i)
      length = (length << 8) | static_cast<unsigned char>(ber[2 + i]);
    head += count;
  }
  if (ber.size() - head < length)
    return std::nullopt;
  const std::string_view content = ber.substr(head, length);
  ber.remove_prefix(head + length);
  return content;
}

template <typename Number>
std::optional<Number> number(std::string_view text, int radix = 10) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

constexpr std::string_view kPositionVersion = "dirsync1";

}  // namespace

Control dirsync_control(std::uint32_t flags, std::string_view cookie) {
  // the flags as a signed number of four bytes: Windows refuses the five that 0x80000000 would take
  const std::string content =
      integer(static_cast<std::int32_t>(flags)) + integer(kMaxBytes) + tlv(kOctetString, cookie);
  return {std::string(kDirSyncOid), tlv(kSequence, content), true};
}

Control extended_dn_control() {
  return {std::string(kExtendedDnOid), tlv(kSequence, integer(1)), true};
}

Control show_deleted_control() {
  return {std::string(kShowDeletedOid), {}, true};
}

std::optional<DirSyncAnswer> parse_dirsync_answer(const SearchEnd& end) {
  for (const Control& control : end.controls)
    if (control.oid == kDirSyncOid)
      return parse_dirsync_value(control.value);
  return std::nullopt;
}

std::optional<DirSyncAnswer> parse_dirsync_value(std::string_view ber) {
  auto sequence = take(ber, kSequence);
  if (!sequence)
    return std::nullopt;
  const auto more = take(*sequence, kInteger);
  const auto unused = take(*sequence, kInteger);
  const auto cookie = take(*sequence, kOctetString);
  if (!more || more->empty() || !unused || !cookie || cookie->empty())
    return std::nullopt;
  return DirSyncAnswer{more->find_first_not_of('\0') != std::string_view::npos,
                       std::string(*cookie)};
}

std::string to_text(const Position& position) {
  std::string out(kPositionVersion);
  out += ' ' + std::to_string(position.flags);
  out += position.saw_deletions ? " 1 " : " 0 ";
  out += std::to_string(position.committed_usn);
  out += ' ' + std::to_string(position.server_time.time_since_epoch().count());
  out += ' ' + base::base64_encode(position.cookie);
  return out;
}

std::optional<Position> parse_position(std::string_view text) {
  const auto parts = base::split(text, ' ');
  if (parts.size() != 6 || parts[0] != kPositionVersion || (parts[2] != "0" && parts[2] != "1"))
    return std::nullopt;
  const auto flags = number<std::uint32_t>(parts[1]);
  const auto usn = number<std::uint64_t>(parts[3]);
  const auto seconds = number<std::int64_t>(parts[4]);
  auto cookie = base::base64_decode(parts[5]);
  if (!flags || !usn || !seconds || !cookie || cookie->empty())
    return std::nullopt;
  return Position{*flags, parts[2] == "1", *usn,
                  std::chrono::sys_seconds(std::chrono::seconds(*seconds)), std::move(*cookie)};
}

std::optional<std::chrono::sys_seconds> parse_generalized_time(std::string_view text) {
  if (text.size() < 15 || text.back() != 'Z')
    return std::nullopt;
  const auto year = number<int>(text.substr(0, 4));
  const auto month = number<unsigned>(text.substr(4, 2));
  const auto day = number<unsigned>(text.substr(6, 2));
  const auto hour = number<unsigned>(text.substr(8, 2));
  const auto minute = number<unsigned>(text.substr(10, 2));
  const auto second = number<unsigned>(text.substr(12, 2));
  if (!year || !month || !day || !hour || !minute || !second || *hour > 23 || *minute > 59 ||
      *second > 60)
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok())
    return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

}  // namespace gald::ad
