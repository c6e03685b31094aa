#include "ad/mapping.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "base/clock.hpp"
#include "base/encoding.hpp"
#include "base/guid.hpp"
#include "base/text.hpp"

namespace gald::ad {

using model::Attribute;
using model::Change;
using model::Presence;
using model::RecordKind;
using model::Rejected;

namespace {

/// How the values of an attribute become ours.
enum class Form {
  text,
  boolean,         // TRUE, FALSE
  base64,          // bytes
  sid,             // bytes
  link,            // an extended DN
  recipient_type,  // a number with a name
  group_type,      // bits
  account,         // bits
  expiry,          // FILETIME
  photo,           // bytes, up to a limit
};

struct Rule {
  std::string_view ldap;
  Attribute attribute;
  Form form = Form::text;
};

using A = Attribute;

constexpr auto kRules = std::to_array<Rule>({
    {"displayName", A::display_name},
    {"givenName", A::given_name},
    {"sn", A::surname},
    {"initials", A::initials},
    {"company", A::company_name},
    {"department", A::department},
    {"title", A::job_title},
    {"physicalDeliveryOfficeName", A::office_location},
    {"employeeID", A::employee_id},
    {"description", A::description},
    {"info", A::notes},
    {"wWWHomePage", A::web_page},
    {"manager", A::manager, Form::link},
    {"mail", A::mail},
    {"mailNickname", A::mail_nickname},
    {"userPrincipalName", A::user_principal_name},
    {"proxyAddresses", A::proxy_addresses},
    {"targetAddress", A::external_address},
    {"legacyExchangeDN", A::legacy_exchange_dn},
    {"telephoneNumber", A::business_phones},
    {"otherTelephone", A::other_business_phones},
    {"mobile", A::mobile_phone},
    {"otherMobile", A::other_mobile_phones},
    {"homePhone", A::home_phone},
    {"otherHomePhone", A::other_home_phones},
    {"facsimileTelephoneNumber", A::business_fax},
    {"pager", A::pager},
    {"ipPhone", A::ip_phone},
    {"streetAddress", A::street},
    {"l", A::city},
    {"st", A::state},
    {"postalCode", A::postal_code},
    {"co", A::country},
    {"userAccountControl", A::account_enabled, Form::account},
    {"accountExpires", A::account_expires, Form::expiry},
    {"msExchHideFromAddressLists", A::hidden, Form::boolean},
    {"msExchRecipientTypeDetails", A::recipient_type, Form::recipient_type},
    {"isCriticalSystemObject", A::critical_object, Form::boolean},
    {"mS-DS-ConsistencyGuid", A::consistency_guid, Form::base64},
    {"objectSid", A::security_identifier, Form::sid},
    {"sAMAccountName", A::sam_account_name},
    {"groupType", A::group_type, Form::group_type},
    {"extensionAttribute1", A::extension_attribute_1},
    {"extensionAttribute2", A::extension_attribute_2},
    {"extensionAttribute3", A::extension_attribute_3},
    {"extensionAttribute4", A::extension_attribute_4},
    {"extensionAttribute5", A::extension_attribute_5},
    {"extensionAttribute6", A::extension_attribute_6},
    {"extensionAttribute7", A::extension_attribute_7},
    {"extensionAttribute8", A::extension_attribute_8},
    {"extensionAttribute9", A::extension_attribute_9},
    {"extensionAttribute10", A::extension_attribute_10},
    {"extensionAttribute11", A::extension_attribute_11},
    {"extensionAttribute12", A::extension_attribute_12},
    {"extensionAttribute13", A::extension_attribute_13},
    {"extensionAttribute14", A::extension_attribute_14},
    {"extensionAttribute15", A::extension_attribute_15},
});

/// Asked for only when somebody wants it: it is as large as all the rest together.
constexpr Rule kPhotoRule = {"thumbnailPhoto", A::photo, Form::photo};

/// What map_entry() reads besides the rules. `name` goes with parentGUID: without it in the list
/// DirSync keeps a move to itself.
constexpr std::array<std::string_view, 7> kStructure = {
    "name", "parentGUID", "isDeleted", "isRecycled", "objectClass", "objectGUID", "member"};

/// What an attribute is to us.
enum class Role {
  none,
  value,  // of a rule
  object_guid,
  object_class,
  is_deleted,
  is_recycled,
  parent,
  member,
};

/// Which part of an attribute's values an entry brings, from the option behind its name.
enum class Part {
  all,        // "member", "member;range=0-*"
  added,      // "member;range=1-1": DirSync with incremental values
  removed,    // "member;range=0-0": likewise
  some,       // "member;range=0-1499": ranged retrieval that was not completed
  not_known,  // some other option
};

struct Name {
  Role role = Role::none;
  Part part = Part::all;
  const Rule* rule = nullptr;
};

Part parse_option(const std::string& option, Way way) {
  if (way == Way::dirsync && option == "range=1-1")
    return Part::added;
  if (way == Way::dirsync && option == "range=0-0")
    return Part::removed;
  if (option == "range=0-*")
    return Part::all;
  return option.starts_with("range=") ? Part::some : Part::not_known;
}

Name parse_name(std::string_view text, Way way) {
  static const auto* const kIndex = [] {
    auto* index = new std::unordered_map<std::string, Name>{
        {"objectguid", {Role::object_guid}}, {"objectclass", {Role::object_class}},
        {"isdeleted", {Role::is_deleted}},   {"isrecycled", {Role::is_recycled}},
        {"parentguid", {Role::parent}},      {"member", {Role::member}},
    };
    for (const Rule& rule : kRules)
      index->emplace(base::ascii_lower(rule.ldap), Name{Role::value, Part::all, &rule});
    index->emplace(base::ascii_lower(kPhotoRule.ldap), Name{Role::value, Part::all, &kPhotoRule});
    return index;
  }();
  const std::size_t at = text.find(';');
  const auto known = kIndex->find(base::ascii_lower(text.substr(0, at)));
  Name name = known == kIndex->end() ? Name{} : known->second;
  if (at != std::string_view::npos)
    name.part = parse_option(base::ascii_lower(text.substr(at + 1)), way);
  return name;
}

/// Names as they come: a server writes them the same way, and in the same order, in every entry.
class Names {
 public:
  explicit Names(Way way) : way_(way) {}

  void begin_entry() { next_ = 0; }

  const Name& find(std::string_view text) {
    if (next_ < known_.size() && known_[next_].first == text)
      return known_[next_++].second;
    for (std::size_t i = 0; i < known_.size(); ++i)
      if (known_[i].first == text) {
        next_ = i + 1;
        return known_[i].second;
      }
    if (known_.size() == kMost)  // ranges: there is no end of names
      known_.clear();
    next_ = std::min(next_, known_.size());
    known_.emplace(known_.begin() + static_cast<std::ptrdiff_t>(next_), text,
                   parse_name(text, way_));
    return known_[next_++].second;
  }

 private:
  static constexpr std::size_t kMost = 200;

  const Way way_;
  std::size_t next_ = 0;
  std::vector<std::pair<std::string, Name>> known_;
};

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

/// Exchange stores RecipientTypeDetails as a bit; its cmdlets, and so the other connectors, say it
/// in words.
std::string recipient_type_name(std::int64_t value) {
  static constexpr auto kNames = std::to_array<std::pair<std::int64_t, std::string_view>>({
      {1, "UserMailbox"},
      {2, "LinkedMailbox"},
      {4, "SharedMailbox"},
      {8, "LegacyMailbox"},
      {16, "RoomMailbox"},
      {32, "EquipmentMailbox"},
      {64, "MailContact"},
      {128, "MailUser"},
      {256, "MailUniversalDistributionGroup"},
      {512, "MailNonUniversalGroup"},
      {1024, "MailUniversalSecurityGroup"},
      {2048, "DynamicDistributionGroup"},
      {4096, "PublicFolder"},
      {8192, "SystemAttendantMailbox"},
      {16384, "SystemMailbox"},
      {32768, "MailForestContact"},
      {65536, "User"},
      {131072, "Contact"},
      {262144, "UniversalDistributionGroup"},
      {524288, "UniversalSecurityGroup"},
      {1048576, "NonUniversalGroup"},
      {2097152, "DisabledUser"},
      {4194304, "MicrosoftExchange"},
      {8388608, "ArbitrationMailbox"},
      {2147483648, "RemoteUserMailbox"},
      {8589934592, "RemoteRoomMailbox"},
      {17179869184, "RemoteEquipmentMailbox"},
      {34359738368, "RemoteSharedMailbox"},
  });
  for (const auto& [number, name] : kNames)
    if (number == value)
      return std::string(name);
  return std::to_string(value);
}

constexpr std::int64_t kAccountDisabled = 0x2;         // MS-ADTS 2.2.16
constexpr std::int64_t kInterdomainTrust = 0x800;      // likewise
constexpr std::int64_t kSecurityEnabled = 0x80000000;  // MS-ADTS 2.2.12

/// One value in our form; nothing when it is not what the attribute's syntax allows.
std::optional<std::string> convert(Form form, std::string_view value) {
  switch (form) {
    case Form::text:
      return base::is_valid_utf8(value) ? std::optional(std::string(value)) : std::nullopt;
    case Form::boolean:
      if (base::ascii_iequals(value, "TRUE"))
        return "true";
      return base::ascii_iequals(value, "FALSE") ? std::optional<std::string>("false")
                                                 : std::nullopt;
    case Form::base64:
      return base::base64_encode(value);
    case Form::sid:
    case Form::link: {
      std::string text = form == Form::sid ? sid_text(value) : guid_of(value);
      return text.empty() ? std::nullopt : std::optional(std::move(text));
    }
    case Form::photo:
      return base::base64_encode(value);
    case Form::recipient_type:
    case Form::group_type:
    case Form::account:
    case Form::expiry:
      break;
  }
  const auto number = parse_number(value);
  if (!number)
    return std::nullopt;
  if (form == Form::recipient_type)
    return recipient_type_name(*number);
  if (form == Form::expiry)
    return expiry_text(*number);
  if (form == Form::group_type)
    return (*number & kSecurityEnabled) != 0 ? "security" : "distribution";
  return (*number & kAccountDisabled) != 0 ? "false" : "true";
}

std::string_view expected(Form form) {
  switch (form) {
    case Form::text:
      return "expected UTF-8";
    case Form::boolean:
      return "expected TRUE or FALSE";
    case Form::base64:
    case Form::photo:
      return "expected bytes";
    case Form::sid:
      return "expected a SID";
    case Form::link:
      return "expected a DN with its GUID";
    case Form::recipient_type:
    case Form::group_type:
    case Form::account:
    case Form::expiry:
      return "expected a number";
  }
  return {};
}

bool ends_with_icase(std::string_view text, std::string_view end) {
  return text.size() >= end.size() &&
         base::ascii_iequals(text.substr(text.size() - end.size()), end);
}

bool is_true(const EntryAttribute& attribute) {
  return !attribute.values.empty() && base::ascii_iequals(attribute.values.front(), "TRUE");
}

}  // namespace

/// What a mapper keeps from entry to entry.
struct EntryMapper::Memory {
  explicit Memory(MappingOptions given)
      : options(std::move(given)),
        names(options.way),
        deleted_objects("CN=Deleted Objects," + options.naming_context) {}

  const MappingOptions options;
  Names names;
  const std::string deleted_objects;
  std::array<const EntryAttribute*, model::kAttributeCount> values{};  ///< of the entry at hand
};

namespace {

/// Works through the attributes of one entry.
class Mapper {
 public:
  Mapper(const Entry& entry, const MappingOptions& options, Names& names,
         const std::string& deleted_objects,
         std::array<const EntryAttribute*, model::kAttributeCount>& values)
      : entry_(entry),
        options_(options),
        names_(names),
        deleted_objects_(deleted_objects),
        values_(values),
        dn_(plain_dn(entry.dn)),
        is_head_(base::ascii_iequals(dn_, options.naming_context)) {}

  Mapped run() {
    if (base::ascii_iequals(dn_, deleted_objects_))
      return {Ignored{}};
    values_.fill(nullptr);
    names_.begin_entry();
    for (const EntryAttribute& attribute : entry_.attributes)
      read(attribute);
    if (change_.anchor.empty())
      reject("objectGUID", "expected 16 bytes");
    if (ignored_)
      return {Ignored{}};
    conclude_presence();
    const bool gone = change_.presence != Presence::live;
    if (!gone && !base::is_valid_utf8(dn_))
      reject("dn", "expected UTF-8");
    conclude_values();
    if (ignored_)
      return {Ignored{}};
    if (!reason_.empty() && gone && !change_.anchor.empty())
      return {tombstone_only()};
    if (!reason_.empty())
      return {Rejected{std::move(change_.anchor), std::move(reason_)}};
    conclude_members();
    conclude_scope();
    change_.whole = options_.way == Way::polling && !gone;
    return {std::move(change_), std::move(note_)};
  }

 private:
  void read(const EntryAttribute& attribute) {
    const Name& name = names_.find(attribute.name);
    if (name.part == Part::not_known)
      return;
    switch (name.role) {
      case Role::none:
        break;
      case Role::value:
        read_value(*name.rule, name.part, attribute);
        break;
      case Role::object_guid:
        read_guid(attribute.values);
        break;
      case Role::object_class:
        read_classes(attribute.values);
        break;
      case Role::is_deleted:
        deleted_ = is_true(attribute);
        break;
      case Role::is_recycled:
        recycled_ = recycled_ || is_true(attribute);
        break;
      case Role::parent:
        read_parent(attribute.values);
        break;
      case Role::member:
        read_members(name.part, attribute.values);
        break;
    }
  }

  void read_guid(std::span<const std::string_view> values) {
    if (values.size() == 1)
      if (const auto guid = base::Guid::from_ad_bytes(values.front()))
        change_.anchor = guid->text();
  }

  void read_classes(std::span<const std::string_view> classes) {
    const auto is = [classes](std::string_view wanted) {
      return std::any_of(classes.begin(), classes.end(),
                         [wanted](std::string_view c) { return base::ascii_iequals(c, wanted); });
    };
    if (classes.empty())
      return;
    const bool computer = is("computer");  // group managed service accounts derive from it
    if (!computer && is("contact"))
      change_.kind = RecordKind::contact;
    else if (!computer && is("user"))
      change_.kind = RecordKind::user;
    else if (is("group"))
      change_.kind = RecordKind::group;
    else if (is("organizationalUnit") || is("container") || is("domainDNS") || is("builtinDomain"))
      change_.kind = RecordKind::container;
    else
      ignored_ = true;
  }

  void read_parent(std::span<const std::string_view> values) {
    if (values.empty() || is_head_)
      return;
    const auto guid = base::Guid::from_ad_bytes(values.front());
    if (!guid)
      return reject("parentGUID", "expected 16 bytes");
    if (*guid != base::Guid())
      parent_ = guid->text();
  }

  void read_members(Part part, std::span<const std::string_view> values) {
    std::vector<std::string> anchors;
    anchors.reserve(values.size());
    for (const std::string_view value : values) {
      anchors.push_back(guid_of(value));
      if (anchors.back().empty())
        return reject("member", expected(Form::link));
    }
    auto& target = part == Part::removed ? change_.members_removed : change_.members_added;
    std::move(anchors.begin(), anchors.end(), std::back_inserter(target));
    if (part == Part::all)
      whole_members_ = true;
    else
      partial_members_ = true;
    if (part == Part::some)
      reject("member", "only a range of the values came");
  }

  /// Values are taken in the end, in our order.
  void read_value(const Rule& rule, Part part, const EntryAttribute& attribute) {
    // manager is a link: incremental values say what it was (removed) and what it is (added)
    if (part == Part::removed) {
      clear(rule.attribute);
      return;
    }
    if (part == Part::some || (part == Part::added && rule.form != Form::link))
      return reject(rule.ldap, "only a range of the values came");
    rules_[static_cast<std::size_t>(rule.attribute)] = &rule;
    values_[static_cast<std::size_t>(rule.attribute)] = &attribute;
  }

  void conclude_values() {
    change_.set.reserve(entry_.attributes.size() + 3);
    for (std::size_t i = 0; i < values_.size(); ++i)
      if (values_[i] != nullptr)
        take_values(*rules_[i], values_[i]->values);
      else
        take_place(static_cast<Attribute>(i));
  }

  void take_place(Attribute attribute) {
    if (change_.presence != Presence::live || dn_.empty())
      return;
    if (attribute == Attribute::distinguished_name)
      change_.set[attribute].emplace_back(dn_);
    else if (attribute == Attribute::rdn)
      change_.set[attribute].emplace_back(first_rdn(dn_));
    else if (attribute == Attribute::parent && !parent_.empty())
      change_.set[attribute].push_back(std::move(parent_));
  }

  /// Most values are text, which needs no detour.
  bool take_text(const Rule& rule, std::string_view value) {
    if (rule.form != Form::text || value.empty() || !base::is_valid_utf8(value))
      return false;
    std::erase(change_.cleared, rule.attribute);
    change_.set[rule.attribute].emplace_back(value);
    return true;
  }

  void take_values(const Rule& rule, std::span<const std::string_view> values) {
    if (values.size() == 1 && take_text(rule, values.front()))
      return;
    const bool multi_valued = model::info(rule.attribute).multi_valued;
    model::Values converted;
    if (multi_valued)
      converted.reserve(values.size());
    for (const std::string_view value : values) {
      if (value.empty())
        continue;
      if (rule.form == Form::photo && value.size() > options_.photo_limit) {
        note_ = "thumbnailPhoto: larger than the limit";
        continue;
      }
      auto text = convert(rule.form, value);
      if (!text)
        return reject(rule.ldap, expected(rule.form));
      if (text->empty())
        continue;
      if (rule.form == Form::account && (*parse_number(value) & kInterdomainTrust) != 0)
        ignored_ = true;
      if (converted.empty() || multi_valued)
        converted.push_back(std::move(*text));
    }
    if (converted.empty())
      return clear(rule.attribute);
    std::erase(change_.cleared, rule.attribute);
    change_.set.insert_or_assign(rule.attribute, std::move(converted));
  }

  /// A tombstone's DN is "CN=name<LF>DEL:guid,CN=Deleted Objects,..." (MS-ADTS 3.1.1.5.5), and that
  /// stays true in an entry that only tells of some other attribute.
  bool dn_is_of_tombstone() const {
    const std::string_view rdn = first_rdn(dn_);
    const bool mangled = rdn.find("\\0ADEL:") != std::string_view::npos ||
                         rdn.find("\nDEL:") != std::string_view::npos;
    return mangled && ends_with_icase(dn_, "," + deleted_objects_);
  }

  void conclude_presence() {
    const bool gone = deleted_.value_or(dn_is_of_tombstone());
    if (gone) {
      // the Recycle Bin keeps an object whole until it is recycled
      const bool restorable = deleted_.has_value() && !recycled_;
      change_.presence = restorable ? Presence::soft_deleted : Presence::deleted;
      return;
    }
    change_.presence = Presence::live;
  }

  /// That an object is gone must not be missed because one of its attributes cannot be read.
  Change tombstone_only() const {
    Change change;
    change.anchor = change_.anchor;
    change.kind = change_.kind;
    change.presence = change_.presence;
    return change;
  }

  /// With ranges in the same entry an empty "member" says nothing: it is how servers announce that
  /// there are too many.
  void conclude_members() {
    const bool told_by_silence = options_.way == Way::polling && change_.kind == RecordKind::group;
    change_.members_complete = (whole_members_ || told_by_silence) && !partial_members_;
  }

  /// A container that is none of the rules' any more (another one took its name) must lose its rule
  /// too.
  void conclude_scope() {
    if (!options_.scoped || change_.presence != Presence::live)
      return;
    if (const auto rule = options_.scope.containers.find(change_.anchor);
        rule != options_.scope.containers.end())
      change_.set[Attribute::scope] = {rule->second};
    else if (is_head_ && options_.scope.head_is_out)
      change_.set[Attribute::scope] = {"out"};
    else
      clear(Attribute::scope);
  }

  void clear(Attribute attribute) {
    if (std::find(change_.cleared.begin(), change_.cleared.end(), attribute) ==
        change_.cleared.end())
      change_.cleared.push_back(attribute);
  }

  void reject(std::string_view attribute, std::string_view why) {
    if (reason_.empty())
      reason_ = std::string(attribute) + ": " + std::string(why);
  }

  const Entry& entry_;
  const MappingOptions& options_;
  Names& names_;
  const std::string& deleted_objects_;
  std::array<const EntryAttribute*, model::kAttributeCount>& values_;
  std::array<const Rule*, model::kAttributeCount> rules_;  // set where values_ is
  const std::string_view dn_;
  const bool is_head_;
  Change change_;
  std::optional<bool> deleted_;  // what isDeleted says, where it is there
  bool recycled_ = false;
  bool whole_members_ = false;
  bool partial_members_ = false;
  bool ignored_ = false;
  std::string parent_;
  std::string reason_;
  std::string note_;
};

}  // namespace

std::vector<model::SourceAttribute> source_attributes() {
  std::vector<model::SourceAttribute> list;
  for (const Rule& rule : kRules)
    list.push_back({rule.attribute, std::string(rule.ldap)});
  list.push_back({kPhotoRule.attribute, std::string(kPhotoRule.ldap)});
  list.push_back({A::distinguished_name, "distinguishedName"});
  return list;
}

std::vector<std::string> wanted_attributes(std::size_t photo_limit) {
  std::vector<std::string> names(kStructure.begin(), kStructure.end());
  for (const Rule& rule : kRules)
    names.emplace_back(rule.ldap);
  if (photo_limit > 0)
    names.emplace_back(kPhotoRule.ldap);
  return names;
}

EntryMapper::EntryMapper(MappingOptions options)
    : memory_(std::make_unique<Memory>(std::move(options))) {}

EntryMapper::~EntryMapper() = default;

Mapped EntryMapper::map(const Entry& entry) {
  return Mapper(entry, memory_->options, memory_->names, memory_->deleted_objects, memory_->values)
      .run();
}

Mapped map_entry(const Entry& entry, const MappingOptions& options) {
  return EntryMapper(options).map(entry);
}

std::string expiry_text(std::int64_t file_time) {
  constexpr std::int64_t kTicks = 10'000'000;           // in a second
  constexpr std::int64_t kBefore1970 = 11'644'473'600;  // seconds since 1601
  constexpr std::int64_t kYear10000 = 253'402'300'800;  // seconds since 1970
  const std::int64_t seconds = file_time / kTicks - kBefore1970;
  if (file_time <= 0 || seconds >= kYear10000)
    return {};
  return base::to_iso8601(base::TimePoint(std::chrono::seconds(seconds)));
}

std::string_view plain_dn(std::string_view extended_dn) {
  // a DN cannot begin with an unescaped '<' (RFC 4514 2.4), so these are the control's
  while (extended_dn.starts_with("<GUID=") || extended_dn.starts_with("<SID=")) {
    const std::size_t end = extended_dn.find(">;");
    if (end == std::string_view::npos)
      return {};
    extended_dn.remove_prefix(end + 2);
  }
  return extended_dn;
}

std::string_view first_rdn(std::string_view dn) {
  for (std::size_t i = 0; i < dn.size(); ++i) {
    if (dn[i] == '\\')
      ++i;
    else if (dn[i] == ',')
      return dn.substr(0, i);
  }
  return dn;
}

std::string guid_of(std::string_view extended_dn) {
  constexpr std::string_view kStart = "<GUID=";
  if (!extended_dn.starts_with(kStart))
    return {};
  extended_dn.remove_prefix(kStart.size());
  const auto guid = base::Guid::parse(extended_dn.substr(0, extended_dn.find('>')));
  return guid ? guid->text() : std::string();
}

std::string sid_text(std::string_view bytes) {
  const auto byte = [bytes](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  if (bytes.size() < 8 || byte(0) != 1 || byte(1) > 15 ||
      bytes.size() != 8 + 4 * static_cast<std::size_t>(byte(1)))
    return {};
  std::uint64_t authority = 0;
  for (std::size_t i = 2; i < 8; ++i)
    authority = (authority << 8) | byte(i);
  std::string text = "S-1-";
  text.reserve(12 + bytes.size() * 3);
  const auto append = [&text](std::uint64_t number) {
    std::array<char, 20> digits{};
    text.append(digits.data(),
                std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
  };
  append(authority);
  for (std::size_t at = 8; at < bytes.size(); at += 4) {
    std::uint32_t part = 0;
    for (std::size_t i = 4; i-- > 0;)
      part = (part << 8) | byte(at + i);
    text += '-';
    append(part);
  }
  return text;
}

}  // namespace gald::ad
