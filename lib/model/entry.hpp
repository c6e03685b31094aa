// What gald publishes: contacts, users, guests and groups, reconciled from records.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/attribute.hpp"
#include "model/record.hpp"

namespace gald::model {

enum class EntryKind { contact, user, guest, group };
enum class Source { cloud, on_premises, hybrid };
enum class Status { active, disabled, deleted };

std::string_view to_string(EntryKind kind);
std::string_view to_string(Source source);
std::string_view to_string(Status status);
std::optional<EntryKind> entry_kind_named(std::string_view name);
std::optional<Source> source_named(std::string_view name);
std::optional<Status> status_named(std::string_view name);

/// One value of proxyAddresses, taken apart.
struct Address {
  std::string kind;   ///< "smtp", "x500", "sip", ...: the prefix in lower case
  std::string value;  ///< as the source wrote it, without the prefix
  bool primary = false;
  std::string connector = {};  ///< whose record has it; of several the one whose values win

  bool operator==(const Address&) const = default;
};

enum class PhoneKind {
  international,  ///< has its E.164 form: can be dialled from anywhere
  national,       ///< dialled in one country or area, and nothing says which
  internal,       ///< dialled in the house: an extension, a short or emergency number, a code
  unparsable,     ///< no telephone number
};

std::string_view to_string(PhoneKind kind);
std::optional<PhoneKind> phone_kind_named(std::string_view name);

struct Phone {
  std::string type;       ///< "business", "mobile", "home", "businessFax", "pager", "ip", "other"
  std::string raw;        ///< as the source wrote it
  std::string e164;       ///< "+498912345678" of an international number, else empty
  std::string extension;  ///< digits; of an internal number what to dial; empty when there is none
  std::string connector = {};
  PhoneKind kind = PhoneKind::unparsable;

  bool operator==(const Phone&) const = default;
};

/// The attributes that an entry publishes as one value each. Addresses, phones, kind, source and
/// status stand beside them.
const std::vector<Attribute>& published_attributes();

struct Entry {
  std::string id;  ///< UUID text; kept for life
  EntryKind kind = EntryKind::contact;
  Source source = Source::cloud;
  Status status = Status::active;
  std::map<Attribute, std::string>
      values;                      ///< keys from published_attributes(); never empty values
  std::vector<Address> addresses;  ///< the primary of each kind first, then by value
  std::vector<Phone> phones;
  std::string search_name;  ///< search_name() of its names; the history does not tell of it

  /// Field name → connector whose record gave the value ("displayName" → "ad").
  std::map<std::string, std::string> origins;

  bool operator==(const Entry&) const = default;
};

/// One difference between what was published and what is now.
struct FieldChange {
  std::string field;  ///< "status", "jobTitle", "addresses", "groups", ...
  std::optional<std::string> old_value;
  std::optional<std::string> new_value;
  std::string connector;  ///< whose record brought it

  bool operator==(const FieldChange&) const = default;
};

/// A record as a consumer sees it beside its contact.
struct RecordLink {
  std::string connector;
  ConnectorKind connector_kind = ConnectorKind::entra;
  std::string anchor;
  Presence presence = Presence::live;
  std::string joined_by;  ///< the key that led here: "source-anchor", "proxy-addresses", ...

  /// The plan that holds it back: it counts as what it was before `presence` was said. 0: none.
  std::int64_t held_by = 0;
};

struct GroupReference {
  std::string id;
  std::string display_name;
};

/// An entry with everything that consumers are told of it.
struct Contact {
  Entry entry;
  std::vector<GroupReference> groups;  ///< direct memberships, by name
  std::vector<std::string> labels;     ///< that some of these give, by name
  std::vector<RecordLink> records;
  std::string manager_id;  ///< empty: none, or not published
  std::string changed_at;  ///< ISO 8601, UTC
  std::int64_t change_number = 0;
};

/// One line of an entry's history.
struct HistoryLine {
  std::int64_t number = 0;
  std::int64_t run = 0;
  std::string at;
  std::string entry_id;
  std::string display_name;  ///< of the entry, as it is called now
  EntryKind kind = EntryKind::contact;
  std::string operation;  ///< "created" | "updated" | "deleted" | "restored" | "merged" | "purged"
  FieldChange change;
  std::string
      group_name;  ///< for the field "groups", whose values are ids: what the group is called
};

}  // namespace gald::model
