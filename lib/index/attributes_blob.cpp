#include "index/attributes_blob.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "index/packed_guid.hpp"
#include "index/unreadable.hpp"

namespace gald::index {

using A = model::Attribute;

// blob:      attribute*                       in the order of their numbers
// attribute: number value                     one value
//          | number+128 count value*          several
// value:     (beginning)* end
// beginning: size*4+2 bytes                   the value goes on
// end:       size*4 bytes
//          | size*4+1 position                what stands there in the blob
//          | 3 guid                           16 bytes, of the text in lower case
//
// number is a byte; size, count and position are in groups of seven bits, the lowest first, and all
// but the last with the highest bit set.

namespace {

/// The number of an attribute is its place here, from 1. Numbers are in every index that was ever
/// written: new attributes come at the end, and one that goes leaves its place empty. In front what
/// contains other values: those need not be written again.
constexpr std::array kByNumber = {
    A::distinguished_name,
    A::rdn,
    A::proxy_addresses,
    A::legacy_exchange_dn,
    A::external_address,
    A::user_principal_name,
    A::mail,
    A::other_mails,
    A::mail_nickname,
    A::sam_account_name,
    A::display_name,
    A::given_name,
    A::surname,
    A::initials,
    A::company_name,
    A::department,
    A::job_title,
    A::office_location,
    A::employee_id,
    A::description,
    A::notes,
    A::web_page,
    A::manager,
    A::manager_name,
    A::assistant,
    A::business_phones,
    A::other_business_phones,
    A::mobile_phone,
    A::other_mobile_phones,
    A::home_phone,
    A::other_home_phones,
    A::business_fax,
    A::other_business_faxes,
    A::pager,
    A::ip_phone,
    A::assistant_phone,
    A::street,
    A::post_office_box,
    A::city,
    A::state,
    A::postal_code,
    A::country,
    A::account_enabled,
    A::hidden,
    A::moderated,
    A::user_type,
    A::recipient_type,
    A::sync_enabled,
    A::critical_object,
    A::account_expires,
    A::scope,
    A::provisioning_errors,
    A::immutable_id,
    A::consistency_guid,
    A::security_identifier,
    A::external_directory_object_id,
    A::reference,
    A::parent,
    A::group_type,
    A::photo,
    A::extension_attribute_1,
    A::extension_attribute_2,
    A::extension_attribute_3,
    A::extension_attribute_4,
    A::extension_attribute_5,
    A::extension_attribute_6,
    A::extension_attribute_7,
    A::extension_attribute_8,
    A::extension_attribute_9,
    A::extension_attribute_10,
    A::extension_attribute_11,
    A::extension_attribute_12,
    A::extension_attribute_13,
    A::extension_attribute_14,
    A::extension_attribute_15,
};

constexpr bool has_each_once() {
  std::array<int, model::kAttributeCount> times{};
  for (const A attribute : kByNumber)
    ++times[static_cast<std::size_t>(attribute)];
  return std::all_of(times.begin(), times.end(), [](int count) { return count == 1; });
}

static_assert(has_each_once(), "every attribute has a number");
static_assert(kByNumber.size() < 128);

/// By attribute; what has no place in kByNumber was refused above.
constexpr auto kNumberOf = [] {
  std::array<std::uint8_t, model::kAttributeCount> numbers{};
  for (std::size_t i = 0; i < kByNumber.size(); ++i)
    numbers[static_cast<std::size_t>(kByNumber[i])] = static_cast<std::uint8_t>(i + 1);
  return numbers;
}();

constexpr std::uint8_t kSeveral = 128;

enum Piece : std::uint8_t { literal, repeated, beginning, guid };

/// Shorter than this, a value is as long as the place where else it stands.
constexpr std::size_t kShortest = 4;

/// Up to here values are looked for in those before them: names and addresses contain each other.
constexpr std::size_t kLastLookedFor = kNumberOf[static_cast<std::size_t>(A::surname)];

/// Values are looked for in this much of what is written, so that the time for an object with many
/// of them follows its size.
constexpr std::size_t kWindow = 2048;

void append_number(std::string& blob, std::size_t number) {
  for (; number >= 128; number >>= 7)
    blob += static_cast<char>(number | 128);
  blob += static_cast<char>(number);
}

void append_bytes(std::string& blob, Piece piece, std::string_view bytes) {
  append_number(blob, bytes.size() * 4 + piece);
  blob += bytes;
}

std::optional<std::size_t> find_in(const std::string& blob, std::string_view bytes) {
  if (bytes.size() < kShortest)
    return std::nullopt;
  const void* at =
      ::memmem(blob.data(), std::min(blob.size(), kWindow), bytes.data(), bytes.size());
  if (at == nullptr)
    return std::nullopt;
  return static_cast<std::size_t>(static_cast<const char*>(at) - blob.data());
}

void append_repeated(std::string& blob, std::size_t size, std::size_t position) {
  append_number(blob, size * 4 + repeated);
  append_number(blob, position);
}

void append_value(std::string& blob, std::size_t number, std::string_view value) {
  if (const std::optional<std::string> packed = packed_guid(value)) {
    append_number(blob, guid);
    blob += *packed;
    return;
  }
  if (number > kLastLookedFor) {
    append_bytes(blob, literal, value);
    return;
  }
  if (const auto known = find_in(blob, value)) {
    append_repeated(blob, value.size(), *known);
    return;
  }
  // the addresses of an object have few domains
  const std::size_t at = value.find('@');
  if (at != std::string_view::npos && at > 0)
    if (const auto known = find_in(blob, value.substr(at))) {
      append_bytes(blob, beginning, value.substr(0, at));
      append_repeated(blob, value.size() - at, *known);
      return;
    }
  append_bytes(blob, literal, value);
}

class BlobReader {
 public:
  explicit BlobReader(std::string_view blob) : blob_(blob) {}

  std::size_t position() const { return at_; }

  void move_to(std::size_t position) { at_ = position; }

  bool at_end() const { return at_ == blob_.size(); }

  std::uint8_t byte() { return static_cast<std::uint8_t>(bytes(1).front()); }

  std::size_t number() {
    std::size_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t group = byte();
      number |= static_cast<std::size_t>(group & 127) << shift;
      if (group < 128)
        return number;
    }
    fail();
  }

  /// How many values an attribute has, behind its first byte.
  std::size_t count(std::uint8_t first) { return first >= kSeveral ? number() : 1; }

  void skip_value() {
    for (;;) {
      const std::size_t head = number();
      if (head % 4 == repeated)
        number();
      else
        bytes(head % 4 == guid ? kPackedGuidSize : head / 4);
      if (head % 4 != beginning)
        return;
    }
  }

  std::string value() {
    std::string value;
    for (;;) {
      const std::size_t head = number();
      switch (head % 4) {
        case repeated:
          return value.append(part(number(), head / 4));
        case guid:
          return value.append(unpacked_guid(bytes(kPackedGuidSize)));
        case literal:
          return value.append(bytes(head / 4));
        default:
          value.append(bytes(head / 4));
      }
    }
  }

 private:
  [[noreturn]] static void fail() { throw Unreadable("damaged attributes in the index"); }

  std::string_view part(std::size_t from, std::size_t size) const {
    if (from > blob_.size() || size > blob_.size() - from)
      fail();
    return blob_.substr(from, size);
  }

  std::string_view bytes(std::size_t size) {
    const std::string_view found = part(at_, size);
    at_ += size;
    return found;
  }

  std::string_view blob_;
  std::size_t at_ = 0;
};

}  // namespace

void write_blob(const model::Attributes& attributes, std::string& blob) {
  std::array<const model::Values*, kByNumber.size() + 1> by_number{};
  for (const auto& [attribute, values] : attributes)
    if (!values.empty())
      by_number[kNumberOf[static_cast<std::size_t>(attribute)]] = &values;
  blob.clear();
  for (std::size_t number = 1; number < by_number.size(); ++number) {
    if (by_number[number] == nullptr)
      continue;
    const model::Values& values = *by_number[number];
    if (values.size() == 1) {
      blob += static_cast<char>(number);
    } else {
      blob += static_cast<char>(number | kSeveral);
      append_number(blob, values.size());
    }
    for (const std::string& value : values)
      append_value(blob, number, value);
  }
}

std::string to_blob(const model::Attributes& attributes) {
  std::string blob;
  write_blob(attributes, blob);
  return blob;
}

/// Twice over the bytes: the attributes have an order of their own, in which each is added at the
/// end.
model::Attributes attributes_from_blob(std::string_view blob) {
  constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  std::array<std::size_t, model::kAttributeCount> places;
  places.fill(kNowhere);
  std::size_t found = 0;
  BlobReader reader(blob);
  while (!reader.at_end()) {
    const std::size_t place = reader.position();
    const std::uint8_t first = reader.byte();
    const std::size_t number = first % kSeveral;
    if (number >= 1 && number <= kByNumber.size()) {
      places[static_cast<std::size_t>(kByNumber[number - 1])] = place;
      ++found;
    }
    for (std::size_t left = reader.count(first); left > 0; --left)
      reader.skip_value();
  }
  model::Attributes attributes;
  attributes.reserve(found);
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (places[i] == kNowhere)
      continue;
    reader.move_to(places[i]);
    model::Values& values = attributes[static_cast<A>(i)];
    const std::size_t count = reader.count(reader.byte());
    for (std::size_t left = count; left > 0; --left)
      values.push_back(reader.value());
  }
  return attributes;
}

}  // namespace gald::index
