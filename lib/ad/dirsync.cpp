#include "ad/dirsync.hpp"

#include <charconv>

#include "ad/ber.hpp"

namespace gald::ad {

namespace {

/// What .NET and the DirSync samples ask for. Samba does not look at it.
constexpr std::int32_t kMaxBytes = 1 << 20;

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return value;
}

}  // namespace

Control dirsync_control(std::uint32_t flags, std::string_view cookie) {
  // the flags as a signed number of four bytes: Windows refuses the five that 0x80000000 would take
  const std::string content = ber::integer(static_cast<std::int32_t>(flags)) +
                              ber::integer(kMaxBytes) + ber::element(ber::kOctetString, cookie);
  return {std::string(kDirSyncOid), ber::element(ber::kSequence, content), true};
}

Control extended_dn_control() {
  return {std::string(kExtendedDnOid), ber::element(ber::kSequence, ber::integer(1)), true};
}

Control show_deleted_control() {
  return {std::string(kShowDeletedOid), {}, true};
}

Control show_recycled_control() {
  return {std::string(kShowRecycledOid), {}, true};
}

std::optional<DirSyncAnswer> parse_dirsync_answer(const SearchEnd& end) {
  for (const Control& control : end.controls)
    if (control.oid == kDirSyncOid)
      return parse_dirsync_value(control.value);
  return std::nullopt;
}

std::optional<DirSyncAnswer> parse_dirsync_value(std::string_view value) {
  auto sequence = ber::take(value, ber::kSequence);
  if (!sequence)
    return std::nullopt;
  const auto more = ber::take(*sequence, ber::kInteger);
  const auto unused = ber::take(*sequence, ber::kInteger);
  const auto cookie = ber::take(*sequence, ber::kOctetString);
  if (!more || more->empty() || !unused || !cookie || cookie->empty())
    return std::nullopt;
  return DirSyncAnswer{more->find_first_not_of('\0') != std::string_view::npos,
                       std::string(*cookie)};
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
